"""Does an ITL agree with the CTL beside it?

A phone that holds a CTL verifies a new ITL against it first (Security Guide 14); where that fails it falls back on TVS.
So a disagreement is a warning: it works while TVS does.
"""

from ctlctl_trust.codes import Code
from ctlctl_trust.findings import FindingLog, Findings
from ctlctl_trust.tlv import Role, role_name
from ctlctl_trust.verify import ListReport

#: Roles whose certificates stand in both lists of a mixed-mode cluster.
_SHARED_ROLES = (Role.CCM_TFTP, Role.CAPF)


def check_agreement(itl: ListReport, ctl: ListReport) -> Findings | None:
    """Hold a verified ITL against a verified CTL of the same cluster.

    Args:
        itl: report on the ITL.
        ctl: report on the CTL.

    Returns:
        A finding when the ITL's signer is no SAST of the CTL, and one for each CCM+TFTP or CAPF certificate of the ITL
        whose key the CTL does not hold in that role. None when the ITL's signature does not verify: then
        there is nothing that could agree.
    """
    log = FindingLog()
    signer = None if itl.signer is None or itl.signer.candidate is None else itl.signer.candidate.certificate
    if signer is None or itl.signer is None or not itl.signer.verified:
        return None
    if signer.list_key not in ctl.keys_of(Role.SAST):
        message = f"{signer.common_name}, the ITL's signer, is no SAST of the CTL: phones that hold the CTL ask TVS"
        log.add(Code.CTL_ITL_SIGNER, message)
    for role in _SHARED_ROLES:
        held = ctl.keys_of(role)
        for key, certificate in itl.keys_of(role).items():
            if key not in held:
                message = f"{certificate.common_name} is {role_name(role)} in the ITL, but its key is not in the CTL"
                log.add(Code.CTL_ITL_DISAGREE, message)
    return log.freeze()
