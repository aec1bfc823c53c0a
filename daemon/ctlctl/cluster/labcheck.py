"""A lab's certificates are worth nothing outside a lab: anybody who has the lab's directory has their keys."""

from typing import Final

from ctlctl_trust.certificate import Certificate, CertificateError, read_certificate

#: Organization in the subject of every certificate that `ctlctl lab` makes.
LAB_ORGANIZATION: Final = "LAB ctlctl"

REFUSAL: Final = "a certificate of a lab (O=LAB ctlctl) is never trusted in a cluster that is none"
ADVICE: Final = "Write lab = true in the cluster's table if it is one; if not, somebody else may be answering"


def is_lab(certificate: Certificate) -> bool:
    """Tell whether a lab made a certificate, or its issuer."""
    return ("O", LAB_ORGANIZATION) in (*certificate.subject, *certificate.issuer)


def is_lab_der(der: bytes) -> bool:
    """Tell the same of a certificate's bytes; those that cannot be read are no lab's."""
    try:
        return is_lab(read_certificate(der))
    except CertificateError:
        return False
