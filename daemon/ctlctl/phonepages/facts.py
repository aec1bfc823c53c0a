"""What a phone's pages have said so far."""

from dataclasses import dataclass, fields

#: Hexadecimal digits of a MAC address.
_MAC_DIGITS = 12


@dataclass(frozen=True, slots=True)
class PageFacts:
    """What one page says, or several of one phone together. None is what none of them says.

    Attributes:
        host_name: Host name; CUCM's device name on a phone.
        mac: MAC address, twelve upper-case hexadecimal digits.
        model: Model number, such as "CP-8845".
        serial: Serial number.
        load: Firmware that runs, such as "sip88xx.14-2-1-0201".
        security_mode: Device security mode, in the phone's words.
        web_access: Whether web access is on, in the phone's words.
        ctl_hash: Hash of the CTL it holds, lower-case hexadecimal; "" where it says that it holds none.
        itl_hash: Hash of the ITL it holds, likewise.
    """

    host_name: str | None = None
    mac: str | None = None
    model: str | None = None
    serial: str | None = None
    load: str | None = None
    security_mode: str | None = None
    web_access: str | None = None
    ctl_hash: str | None = None
    itl_hash: str | None = None

    def merged(self, later: "PageFacts") -> "PageFacts":
        """Return these facts, completed by those of a page that was read later."""
        names = [each.name for each in fields(self)]
        return PageFacts(
            **{name: getattr(later, name) if getattr(self, name) is None else getattr(self, name) for name in names}
        )

    @property
    def hashes_known(self) -> bool:
        """Whether the pages say of both lists which one the phone holds, or that it holds none."""
        return self.ctl_hash is not None and self.itl_hash is not None

    def belongs_to(self, device: str) -> bool | None:
        """Tell whether these are pages of a device.

        Args:
            device: Its name in CUCM, such as "SEP001122334455".

        Returns:
            None where the pages name nobody.
        """
        if self.host_name is None and self.mac is None:
            return None
        # Some firmware adds the domain; some pages show the MAC of another interface beside the right name.
        said = "" if self.host_name is None else self.host_name.partition(".")[0]
        own = device.upper()
        return said.upper() == own or (self.mac is not None and len(own) > _MAC_DIGITS and own.endswith(self.mac))
