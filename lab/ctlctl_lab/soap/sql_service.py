"""executeSQLQuery and executeSQLUpdate."""

from collections.abc import Iterator

from ctlctl_lab.model import Cluster, Phone
from ctlctl_lab.soap.axl_edits import PhoneEdit, edit_phone
from ctlctl_lab.soap.axl_faults import SYNTAX, AxlFault
from ctlctl_lab.soap.axl_words import OPERATIONS, STATUSES
from ctlctl_lab.soap.ports import LabWorld
from ctlctl_lab.soap.soapxml import tag
from ctlctl_lab.soap.sql_parse import not_simulated, parse
from ctlctl_lab.soap.sql_run import run
from ctlctl_lab.soap.sql_tables import table
from ctlctl_lab.soap.sql_tree import Select, SqlValue, Update
from ctlctl_lab.soap.sql_values import Scope


def query(cluster: Cluster, statement: str) -> Iterator[str]:
    """Run an executeSQLQuery. Use it, the rows included, under `Cluster.lock`.

    Args:
        cluster: whose database.
        statement: SQL.

    Yields:
        Each row as XML; NULL is an empty element.

    Raises:
        AxlFault: the statement is wrong, or beyond the subset.
    """
    select = parse(statement)
    if not isinstance(select, Select):
        raise AxlFault(SYNTAX, "A syntax error has occurred. (lab: executeSQLQuery takes SELECT)", "soapenv:Client")
    names, rows = run(cluster, select)
    for row in rows:
        inside = "".join([tag(name, _text(value)) for name, value in zip(names, row, strict=True)])
        yield f"<row>{inside}</row>"


def _text(value: SqlValue) -> str | None:
    return None if value is None else str(value)


def update(world: LabWorld, statement: str) -> int:
    """Run an executeSQLUpdate: of the CAPF columns of phones, which is what scripts for LSCs use it for.

    Args:
        world: what is changed.
        statement: SQL.

    Returns:
        Phones that were changed.

    Raises:
        AxlFault: anything else.
    """
    parsed = parse(statement)
    if not isinstance(parsed, Update):
        raise AxlFault(SYNTAX, "A syntax error has occurred. (lab: executeSQLUpdate takes UPDATE)", "soapenv:Client")
    if parsed.table != "device":
        raise not_simulated(f"update of {parsed.table}")
    edit = _changes(parsed)
    cluster = world.cluster
    with cluster.lock:
        devices = table(cluster, "device")
        phones: list[Phone] = list(devices.rows)
        if parsed.where is not None:
            decide = Scope({"device": devices}).decide(parsed.where)
            phones = [phone for phone in phones if decide((phone,))]
        for phone in phones:
            edit_phone(world, phone, edit)
    return len(phones)


def _changes(parsed: Update) -> PhoneEdit:
    """Return what SET says, checked."""
    edit = PhoneEdit(tags=("certificateOperation",))
    for name, value in parsed.values:
        match name:
            case "tkcertificateoperation":
                edit.operation = _enum(OPERATIONS, value)
            case "tkcertificatestatus":
                edit.certificate_status = _enum(STATUSES, value)
            case "upgradefinishtime":
                edit.finish_time = str(value or "")
            case "authenticationstring":
                edit.authentication_string = str(value or "")
            case _:
                raise not_simulated(f"update of {name}")
    return edit


def _enum(names: tuple[str, ...], value: SqlValue) -> str:
    try:
        number = int(value or 0)
    except ValueError:
        number = 0
    if not 1 <= number <= len(names):
        raise AxlFault(-691, "Missing key in referenced table for referential constraint (lab).", "soapenv:Client")
    return names[number - 1]
