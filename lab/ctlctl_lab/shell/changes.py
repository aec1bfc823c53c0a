"""Commands that change the cluster: the CTL, its mode, certificates, and the two that sign a list with another key.

Questions and sentences: Cisco documents 118893 (10.5) and a newer endpoint guide, CLI Reference Guide. What a console
says to "no" is in none of them, nor is the text of `utils ctl reset localkey`.
"""

from collections.abc import Iterable
from typing import Final

from ctlctl_lab.model import ITL_RECOVERY
from ctlctl_lab.nodestate import own_certificates
from ctlctl_lab.shell.session import Console, RefusedError
from ctlctl_trust import Kind

#: The sentences of 10.5 to 11.5, and those of the newer guide.
_RESTART_OLD: Final = (
    "Please Restart the TFTP and Cisco CallManager services on all nodes in the cluster that run these services",
)
_RESTART_NEW: Final = (
    "You must reset all phones to ensure they received the updated CTL file.",
    "You must restart Cisco CTIManager services on all the nodes in the cluster that have the service activated.",
)
_NEW_FROM: Final = 12


def _to_do(console: Console) -> tuple[str, ...]:
    return _RESTART_NEW if console.world.cluster.major >= _NEW_FROM else _RESTART_OLD


def update_ctl(console: Console, _: str) -> Iterable[str]:
    """Write the CTL anew, once the operator has said yes."""
    if console.ask("This operation updates the CTLFile. Do you want to continue? (y/n):", "yn") == "n":
        return ()
    if console.world.files.ctl is None:
        raise RefusedError("The cluster has no CTL file. Set the cluster to mixed mode first.")
    console.world.update_ctl()
    return ("Updating CTL file", "CTL file Updated", *_to_do(console))


def mixed_mode(console: Console, _: str) -> Iterable[str]:
    """Set the cluster to mixed mode."""
    words = "will set" if console.world.cluster.major >= _NEW_FROM else "sets"
    return _set_mode(console, 1, f"This operation {words} the cluster to Mixed mode.", "Mixed Mode")


def non_secure_mode(console: Console, _: str) -> Iterable[str]:
    """Set the cluster to non-secure mode; the CTL stays, without the servers' certificates."""
    return _set_mode(console, 0, "This operation will set the cluster to non secure mode.", "Non Secure Mode")


def _set_mode(console: Console, mode: int, what: str, name: str) -> Iterable[str]:
    if console.ask(f"{what} Do you want to continue? (y/n):", "yn") == "n":
        return ()
    console.world.set_security_mode(mode)
    return (f"Moving Cluster to {name}", f"Cluster set to {name}", *_to_do(console))


def reset_ctl(console: Console, _: str) -> Iterable[str]:
    """Sign the CTL with its other anchor."""
    if console.world.files.ctl is None:
        raise RefusedError("The cluster has no CTL file.")
    console.world.reset_local_key(Kind.CTL)
    return ("Updating CTL file", "CTL file Updated", *_to_do(console))


def reset_itl(console: Console, _: str) -> Iterable[str]:
    """Sign every ITL with its other anchor."""
    world = console.world
    world.reset_local_key(Kind.ITL)
    with world.cluster.lock:
        names = [node.name for node in world.cluster.nodes.values() if world.files.itl(node) is not None]
    return [
        "",
        "Name is None",
        "",
        "Generating the reset ITL file.....",
        "",
        "The reset ITL file was generated successfully",
        "",
        "Locating active Tftp servers in the cluster.....",
        "",
        "Following is the list of Active tftp servers in the cluster",
        "",
        "====================",
        *names,
        "=====================",
        "",
        f"Number of Active TFTP servers in the cluster : {len(names)}",
        "",
        "Transferring new reset ITL file to the TFTP server nodes in the cluster.........",
        "",
        *(f"Successfully transferred reset ITL to node {name}" for name in names),
    ]


def regenerate(console: Console, unit: str) -> Iterable[str]:
    """Regenerate a certificate of the node; nothing is restarted."""
    world = console.world
    with world.cluster.lock:
        node = console.node
        known = unit in own_certificates(world.cluster, node)
        # The key that is the cluster's is made where the cluster is looked after.
        known = known and (unit != ITL_RECOVERY or node.publisher)
    if not known:
        raise RefusedError(f"Certificate {unit} is not found")
    console.say("", *_warning(unit), "")
    if console.ask("Proceed with regeneration (yes|no)? ", ("yes", "no")) == "no":
        return ()
    world.renew(unit, console.node_name, restart=False)
    return (
        "",
        f"Successfully Regenerated Certificate for {unit}.",
        "",
        f"You must restart the services related to {unit} for the regenerated certificates to become active.",
    )


def _warning(unit: str) -> tuple[str, ...]:
    if unit == ITL_RECOVERY:
        return (
            "WARNING: If you are using a tokenless CTL and if the CallManager certificate is recently ",
            "generated, please ensure that the CTL File already has the new CallManager certificate and is",
            "updated to the endpoints, before generating the ITL Recovery certificate. Are you sure want ",
            "to proceed?",
        )
    return (f"WARNING: This operation will overwrite any CA signed certificate previously imported for  {unit}",)
