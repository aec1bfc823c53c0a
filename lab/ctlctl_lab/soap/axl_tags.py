"""Names of the elements of AXL's biggest types, in schema order, with what a lab that does not keep them says.

A word is a name, perhaps with ``=value`` (``_`` for a blank, ``~`` for an element with parts, which is left out). A
word that begins with ``-`` is in answers to get* only, one with ``+`` came with AXL 12.5, with ``*`` with 12.0. Facts
from AXLSoap.xsd.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tag:
    """An element that AXL answers with.

    Attributes:
        name: its name.
        default: what it says where the lab keeps nothing; None to leave it out.
        listed: whether list* answers with it, not only get*.
        since: the first AXL version that has it, as numbers.
    """

    name: str
    default: str | None = ""
    listed: bool = True
    since: tuple[int, int] = (0, 0)


def _read(words: str) -> tuple[Tag, ...]:
    return tuple(map(_tag, words.split()))


def _tag(word: str) -> Tag:
    name, _, value = word.partition("=")
    default = None if value == "~" else value.replace("_", " ")
    bare = name.lstrip("+*-")
    marks = name.removesuffix(bare)
    since = (12, 5) if "+" in marks else (12, 0) if "*" in marks else (0, 0)
    return Tag(bare, default, "-" not in marks, since)


PHONE = _read("""
name description product model class protocol protocolSide callingSearchSpaceName devicePoolName
commonDeviceConfigName commonPhoneConfigName networkLocation=Use_System_Default locationName
mediaResourceListName networkHoldMohAudioSourceId userHoldMohAudioSourceId automatedAlternateRoutingCssName
aarNeighborhoodName loadInformation -vendorConfig -versionStamp traceFlag=false -mlppDomainId
mlppIndicationStatus=Off preemption=Default useTrustedRelayPoint=Default retryVideoCallAsAudio=true
securityProfileName sipProfileName cgpnTransformationCssName useDevicePoolCgpnTransformCss=true geoLocationName
geoLocationFilterName sendGeoLocation=false -lines=~ numberOfButtons phoneTemplateName -speeddials=~
-busyLampFields=~ primaryPhoneName ringSettingIdleBlfAudibleAlert=Default ringSettingBusyBlfAudibleAlert=Default
-blfDirectedCallParks=~ -addOnModules=~ userLocale networkLocale idleTimeout authenticationUrl directoryUrl
idleUrl informationUrl messagesUrl proxyServerUrl servicesUrl -services=~ softkeyTemplateName loginUserId
defaultProfileName enableExtensionMobility=false currentProfileName loginTime loginDuration currentConfig=~
singleButtonBarge=Default joinAcrossLines=Default builtInBridgeStatus=Default callInfoPrivacyStatus=Default
hlogStatus=Default ownerUserName ignorePresentationIndicators=false packetCaptureMode=None
packetCaptureDuration=0 subscribeCallingSearchSpaceName rerouteCallingSearchSpaceName allowCtiControlFlag=false
presenceGroupName unattendedPort=false requireDtmfReception=false rfc2833Disabled=false
certificateOperation authenticationMode keySize keyOrder ecKeySize authenticationString certificateStatus
upgradeFinishTime deviceMobilityMode=Default
roamingDevicePoolName remoteDevice=false dndOption=Ringer_Off dndRingSetting dndStatus=false isActive=true
isDualMode=false mobilityUserIdName phoneSuite=Default phoneServiceDisplay=Default isProtected=false
mtpRequired=false mtpPreferedCodec=711ulaw dialRulesName sshUserId -sshPwd digestUser
outboundCallRollover=No_Rollover hotlineDevice=false secureInformationUrl secureDirectoryUrl secureMessageUrl
secureServicesUrl secureAuthenticationUrl secureIdleUrl alwaysUsePrimeLine=Default
alwaysUsePrimeLineForVoiceMessage=Default featureControlPolicy deviceTrustMode=Not_Trusted
earlyOfferSupportForVoiceCall=false requireThirdPartyRegistration=false blockIncomingCallsWhenRoaming=false
homeNetworkId AllowPresentationSharingUsingBfcp=false confidentialAccess=~ requireOffPremiseLocation=false
allowiXApplicableMedia=false -cgpnIngressDN -useDevicePoolCgpnIngressDN=true -msisdn
enableCallRoutingToRdWhenNoneIsActive=false -wifiHotspotProfile -wirelessLanProfileGroup -elinGroup
+enableActivationID=false +-activationIDStatus +mraServiceDomain +allowMraMode=false
""")

DEVICE_POOL = _read("""
name autoSearchSpaceName dateTimeSettingName callManagerGroupName mediaResourceListName regionName networkLocale
srstName connectionMonitorDuration=-1 automatedAlternateRoutingCssName aarNeighborhoodName locationName
mobilityCssName physicalLocationName deviceMobilityGroupName revertPriority=Default singleButtonBarge=Default
joinAcrossLines=Default cgpnTransformationCssName cdpnTransformationCssName localRouteGroupName geoLocationName
geoLocationFilterName callingPartyNationalPrefix callingPartyInternationalPrefix callingPartyUnknownPrefix
callingPartySubscriberPrefix adjunctCallingSearchSpace callingPartyNationalStripDigits
callingPartyInternationalStripDigits callingPartyUnknownStripDigits callingPartySubscriberStripDigits
callingPartyNationalTransformationCssName callingPartyInternationalTransformationCssName
callingPartyUnknownTransformationCssName callingPartySubscriberTransformationCssName calledPartyNationalPrefix
calledPartyInternationalPrefix calledPartyUnknownPrefix calledPartySubscriberPrefix
calledPartyNationalStripDigits calledPartyInternationalStripDigits calledPartyUnknownStripDigits
calledPartySubscriberStripDigits calledPartyNationalTransformationCssName
calledPartyInternationalTransformationCssName calledPartyUnknownTransformationCssName
calledPartySubscriberTransformationCssName imeEnrolledPatternGroupName -cntdPnTransformationCssName
localRouteGroup=~ -redirectingPartyTransformationCSS -callingPartyTransformationCSS -wirelessLanProfileGroup
-elinGroup +mraServiceDomain
""")

SIP_TRUNK = _read("""
name description product=SIP_Trunk model=SIP_Trunk class=Trunk protocol=SIP protocolSide=Network
callingSearchSpaceName devicePoolName
commonDeviceConfigName networkLocation=Use_System_Default locationName=Hub_None mediaResourceListName
networkHoldMohAudioSourceId userHoldMohAudioSourceId automatedAlternateRoutingCssName aarNeighborhoodName
packetCaptureMode=None packetCaptureDuration=0 loadInformation -versionStamp traceFlag=false -mlppDomainId
mlppIndicationStatus=Off preemption=Default useTrustedRelayPoint=Default retryVideoCallAsAudio=true
securityProfileName sipProfileName cgpnTransformationCssName useDevicePoolCgpnTransformCss=true geoLocationName
geoLocationFilterName sendGeoLocation=false cdpnTransformationCssName useDevicePoolCdpnTransformCss=true
unattendedPort=false transmitUtf8=false subscribeCallingSearchSpaceName rerouteCallingSearchSpaceName
referCallingSearchSpaceName mtpRequired=false presenceGroupName unknownPrefix destAddrIsSrv=false
tkSipCodec=711ulaw sigDigits=~ connectedNamePresentation=Default connectedPartyIdPresentation=Default
callingPartySelection=Originator callingname=Default callingLineIdPresentation=Default prefixDn
+-externalPresentationInfo=~ acceptInboundRdnis=false acceptOutboundRdnis=false srtpAllowed=false
srtpFallbackAllowed=false isPaiEnabled=true sipPrivacy=Default isRpidEnabled=true sipAssertedType=Default
*trustReceivedIdentity=Trust_All_(Default) dtmfSignalingMethod=No_Preference routeClassSignalling=Default
sipTrunkType=None(Default) pstnAccess=true imeE164TransformationName useImePublicIpPort=false
useDevicePoolCntdPnTransformationCss=true -cntdPnTransformationCssName useDevicePoolCgpnTransformCssUnkn=true
rdnTransformationCssName useDevicePoolRdnTransformCss=true +useOrigCallingPartyPresOnDivert=false
sipNormalizationScriptName runOnEveryNode=false -destinations=~ unknownStripDigits
cgpnTransformationUnknownCssName tunneledProtocol=None asn1RoseOidEncoding=No_Changes qsigVariant=No_Changes
pathReplacementSupport=false enableQsigUtf8=false scriptParameters scriptTraceEnabled=false
trunkTrafficSecure=When_using_both_sRTP_and_TLS
callingAndCalledPartyInfoFormat=Deliver_DN_only_in_connected_party
useCallerIdCallerNameinUriOutgoingRequest=false requestUriDomainName
enableCiscoRecordingQsigTunneling=false calledPartyUnknownTransformationCssName
calledPartyUnknownPrefix calledPartyUnknownStripDigits useDevicePoolCalledCssUnkn=true confidentialAccess=~
""")
