"""The SOAP services of the lab: AXL and RIS, as CUCM serves them on port 8443."""

from ctlctl_lab.soap.app import SoapApp, make_app

__all__ = ["SoapApp", "make_app"]
