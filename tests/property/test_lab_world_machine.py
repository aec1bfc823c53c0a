"""Whatever operators do, in whatever order: the lab's phones stay possible, and can all be brought back."""

from itertools import pairwise

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from ctlctl_lab.build import WorldPlan
from ctlctl_lab.files import ROLLBACK_PARAMETER, SIGNATURE_PARAMETER
from ctlctl_lab.model import (
    BY_LSC,
    BY_MIC,
    BY_NULL,
    BY_STRING,
    CALLMANAGER,
    CAPF,
    DELETE,
    INSTALL,
    ITL_RECOVERY,
    NO_OPERATION,
    REGISTERED,
    SERVICE_CAPF,
    SERVICE_TFTP,
    SERVICE_TVS,
    TOMCAT,
    TROUBLESHOOT,
    TVS,
    Phone,
)
from ctlctl_lab.trustheld import HeldList
from ctlctl_trust import Continuity, Kind, check_continuity, verify_trust_list
from ctlctl_trust.tlv import Role
from support.labworld import (
    Factory,
    asks_tvs,
    hold_consistent,
    hold_registration,
    instant,
    lab_world,
    pass_time,
    phones_where,
    registered,
)

# 7960, 7962 and newer phones are among them.
PLAN = WorldPlan(phones=12, nodes=3, seed=33)
NODES = ("lab-pub", "lab-sub1", "lab-sub2")
#: Each renewal wants a key; keys are kept, so that these are made once.
GENERATIONS = 3

phone_numbers = st.integers(0, PLAN.phones - 1)
nodes = st.sampled_from(NODES)


class Operators(RuleBasedStateMachine):
    """A cluster in the hands of operators who know no fear."""

    def __init__(self, factory: Factory) -> None:
        super().__init__()
        self.world = lab_world(factory, PLAN)
        self.phones = list(self.world.cluster.phones.values())
        assert {asks_tvs(phone) for phone in self.phones} == {True, False}
        assert {phone.kind.sha512 for phone in self.phones} == {True, False}

    # Phones.

    @rule(number=phone_numbers, act=st.sampled_from(["reset_phone", "apply_phone", "erase_lists"]))
    def start(self, number: int, act: str) -> None:
        getattr(self.world, act)(self.phones[number].name)

    @rule(number=phone_numbers)
    def power(self, number: int) -> None:
        phone = self.phones[number]
        (self.world.switch_off if phone.powered else self.world.switch_on)(phone.name)

    @rule()
    def reset_all(self) -> None:
        self.world.reset_all()

    @rule(
        number=phone_numbers,
        operation=st.sampled_from([INSTALL, DELETE, TROUBLESHOOT, NO_OPERATION]),
        mode=st.sampled_from([BY_LSC, BY_MIC, BY_NULL, BY_STRING]),
        finish_time=st.sampled_from(["", "2026:11:23:01:00"]),
    )
    def order(self, number: int, operation: str, mode: str, finish_time: str) -> None:
        phone = self.phones[number]
        self.world.cluster.profiles[phone.profile].authentication_mode = mode
        string = "1234" if mode == BY_STRING and operation != NO_OPERATION else ""
        self.world.order_capf(phone.name, operation, finish_time, string)

    @rule(number=phone_numbers, string=st.sampled_from(["1234", "9999"]))
    def type_string(self, number: int, string: str) -> None:
        self.world.type_string(self.phones[number].name, string)

    # The cluster.

    @rule(unit=st.sampled_from([TOMCAT, CALLMANAGER, TVS]), node=st.none() | nodes)
    def renew(self, unit: str, node: str | None) -> None:
        names = NODES if node is None else [node]
        if all(self.world.generations.get((name, unit), 1) < GENERATIONS for name in names):
            self.world.renew(unit, node)

    @rule(unit=st.sampled_from([ITL_RECOVERY, CAPF]))
    def renew_of_cluster(self, unit: str) -> None:
        if self.world.generations.get(("lab-pub", unit), 1) < GENERATIONS:
            self.world.renew(unit)

    @rule(signs=st.sampled_from(["as ever", "the other anchor"]))
    def new_ctl_for_all(self, signs: str) -> None:
        if signs == "as ever":
            self.world.update_ctl()
        else:
            self.world.reset_local_key(Kind.CTL)
        self.world.reset_all()
        self.wait(30.0)

    @rule()
    def update_ctl(self) -> None:
        self.world.update_ctl()

    @rule(kind=st.sampled_from(Kind))
    def reset_local_key(self, kind: Kind) -> None:
        self.world.reset_local_key(kind)

    @rule(mode=st.sampled_from([0, 1]))
    def set_security_mode(self, mode: int) -> None:
        self.world.set_security_mode(mode)

    @rule(digest=st.sampled_from(["SHA-1", "SHA-512"]))
    def sign_with(self, digest: str) -> None:
        self.world.cluster.service_parameters[SIGNATURE_PARAMETER] = digest
        self.world.parameter_changed(*SIGNATURE_PARAMETER)

    @rule(value=st.sampled_from(["T", "F"]))
    def prepare_rollback(self, value: str) -> None:
        self.world.cluster.service_parameters[ROLLBACK_PARAMETER] = value
        self.world.parameter_changed(*ROLLBACK_PARAMETER)

    @rule(node=nodes)
    def switch_node(self, node: str) -> None:
        (self.world.node_down if self.world.cluster.nodes[node].up else self.world.node_up)(node)

    @rule(node=nodes, service=st.sampled_from([SERVICE_TVS, SERVICE_TFTP, SERVICE_CAPF]))
    def switch_service(self, node: str, service: str) -> None:
        self.world.cluster.nodes[node].stopped ^= {service}

    @rule(node=nodes, port=st.sampled_from(["sip", "sccp", "tvs", "capf"]), unit=st.sampled_from([TOMCAT, TVS]))
    def swap(self, node: str, port: str, unit: str) -> None:
        self.world.faults.swapped[node, port] = unit

    @rule(number=phone_numbers)
    def fail_capf(self, number: int) -> None:
        self.world.faults.capf_failures[self.phones[number].name] = "Upgrade Failed: CA Rejected Connection"

    @precondition(lambda self: self.world.faults.swapped or self.world.faults.capf_failures)
    @rule()
    def mend_faults(self) -> None:
        self.world.faults.clear()
        self.world.wake()

    # Time.

    @rule(seconds=st.sampled_from([1.0, 10.0, 100.0]))
    def time_goes_by(self, seconds: float) -> None:
        self.wait(seconds)

    def wait(self, seconds: float) -> None:
        end = self.world.now() + seconds
        self._live_until(end)
        pass_time(self.world, end - self.world.now())

    def _live_until(self, end: float) -> None:
        heap = self.world.schedule._heap
        while heap and heap[0][0] <= end:
            before = registered(self.world)
            held = {phone.name: (phone.ctl, phone.itl) for phone in self.phones}
            pass_time(self.world, max(0.0, heap[0][0] - self.world.now()))
            self.world.schedule.run_due()
            for phone in self.phones:
                old_ctl, old_itl = held[phone.name]
                # With nothing but a blank ITL it takes anything.
                if old_ctl is not None or old_itl is None or not old_itl.blank:
                    self._hold_continuity(phone, [old_ctl or old_itl], old_ctl, phone.ctl)
                    self._hold_continuity(phone, [old_itl, phone.ctl], old_itl, phone.itl)
                if phone.status == REGISTERED and phone.name not in before:
                    hold_registration(self.world, phone)

    def _hold_continuity(
        self, phone: Phone, judges: list[HeldList | None], old: HeldList | None, new: HeldList | None
    ) -> None:
        """Hold that a phone takes only what the trust library calls continuous, or TVS knows."""
        assert old is None or new is not None
        if new is None or new is old:
            return
        assert new.digest == "sha1" or phone.kind.sha512
        report = verify_trust_list(new.data, instant(self.world))
        assert not report.findings.invalid
        asked = [verify_trust_list(each.data, instant(self.world)) for each in judges if each is not None]
        classes = {check_continuity(report, each).continuity for each in asked}
        if old is not None and Continuity.CONTINUOUS not in classes:
            assert asks_tvs(phone)
            assert Role.SAST in self.world.tvs_roles(new.signer)

    @invariant()
    def consistent(self) -> None:
        hold_consistent(self.world)
        numbers = [change.id for change in self.world.cluster.changes.since(0)]
        assert all(second == first + 1 for first, second in pairwise(numbers))

    def teardown(self) -> None:
        """Bring everybody back: nothing that operators did is beyond mending at the phones."""
        world = self.world
        world.faults.clear()
        world.cluster.service_parameters[SIGNATURE_PARAMETER] = "SHA-1"
        world.parameter_changed(*SIGNATURE_PARAMETER)
        world.update_ctl()
        for name, node in world.cluster.nodes.items():
            node.stopped.clear()
            world.node_up(name)
        for phone in self.phones:
            world.order_capf(phone.name, NO_OPERATION)
            world.switch_on(phone.name)
            world.erase_lists(phone.name)
        self._live_until(world.now() + 3600)
        assert len(world.schedule) == 0
        hold_consistent(world)
        assert len(phones_where(world, lambda phone: phone.status == REGISTERED)) == PLAN.phones
        for phone in self.phones:
            hold_registration(world, phone)


def test_no_order_of_acts_makes_an_impossible_cluster(tmp_path_factory: Factory) -> None:
    class WithKeys(Operators):
        def __init__(self) -> None:
            super().__init__(tmp_path_factory)

    run_state_machine_as_test(
        WithKeys,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
