package gateway

import (
	"strings"

	"github.com/keytrail/keytrail/internal/event"
	"github.com/keytrail/keytrail/internal/gateway/jsondoc"
)

// azureFormat is a resource log of Azure Monitor, of API Management, Application Gateway or Front Door: the common
// fields at the top, the request in properties. What a data export rule writes of the tables of a workspace has the
// same fields in one level.
var azureFormat = &format{
	name:    FormatAzure,
	object:  fillAzure,
	marks:   []string{"resourceId", "operationName", "category", "properties", "callerIpAddress", "correlationId", "_ResourceId"},
	certain: func(doc *jsondoc.Doc) bool { return azureCategory(doc) != "" },
	remedies: []Remedy{{
		Blind:  event.VisibilityID,
		Advice: "API Management names the subscription, not the key; let the diagnostic log the header that carries the credential.",
		Setting: `az rest --method put --url "https://management.azure.com$APIM_ID/diagnostics/azuremonitor?api-version=2022-08-01" --body '{
  "properties": {"loggerId": "/loggers/azuremonitor", "logClientIp": true, "frontend": {"request": {
    "headers": ["Authorization", "Ocp-Apim-Subscription-Key", "X-Forwarded-For"]}}}}'
`,
	}, {
		Blind:  event.VisibilityNone,
		Advice: "Application Gateway and Front Door log no request headers: take the trail from API Management behind them, or send the key in the query.",
		Setting: `az monitor diagnostic-settings create --name keytrail --resource "$APIM_ID" \
  --event-hub keytrail --event-hub-rule "$EVENT_HUB_RULE" \
  --logs '[{"category": "GatewayLogs", "enabled": true}]'
`,
	}},
}

// Categories of resource logs, in lower case: Front Door has spelled its own in two ways. A table is named after its
// product.
const (
	azureAPIM      = "gatewaylogs"
	azureAccess    = "applicationgatewayaccesslog"
	azureFirewall  = "applicationgatewayfirewalllog"
	azureFront     = "frontdooraccesslog"
	azureFrontWAF  = "frontdoorwebapplicationfirewalllog"
	azureOther     = "other" // a resource log of something else
	tableAPIM      = "apimanagementgatewaylogs"
	tableAccess    = "agwaccesslogs"
	tableFirewall  = "agwfirewalllogs"
	azureUnlogged  = "N/A"
	azureAllClear  = "ERRORINFO_NO_ERROR"
	azureFrontFine = "NoError"
)

func azureCategory(doc *jsondoc.Doc) string {
	for _, name := range []string{"category", "Category", "Type"} {
		i, ok := doc.Get(0, name)
		if !ok {
			continue
		}
		switch c := strings.ToLower(doc.Node(i).Text); c {
		case azureAPIM, azureAccess, azureFirewall, azureFront, azureFrontWAF:
			return c
		case tableAPIM:
			return azureAPIM
		case tableAccess:
			return azureAccess
		case tableFirewall:
			return azureFirewall
		}
	}
	_, resource := doc.Get(0, "resourceId")
	_, operation := doc.Get(0, "operationName")
	if resource && operation {
		return azureOther
	}
	return ""
}

func fillAzure(d *draft) error {
	d.azure.category = azureCategory(&d.doc)
	for i, n := range d.doc.Children(0) {
		if n.Key == "properties" && n.Kind == jsondoc.Object {
			mark := d.rest.enter(n.Key)
			azureDialect.fill(d, i, "", 2)
			d.rest.leave(mark)
		} else if !azureDialect.field(d, i, n) {
			d.rest.node(&d.doc, i)
		}
	}
	return d.azureAnswer()
}

// azureAnswer is what an Azure record says of who answered.
type azureAnswer struct {
	category                         string
	reason, section, firewall, cache string
	wafMode, errorInfo               string
	origin, socket, forwarded        string
	subscription, user               string
	verify, certificate              string
	backend                          bool // an answer of the backend is named
}

var azureDialect = &dialect{FormatAzure, azureNames, nil}

func azureText(field func(a *azureAnswer) *string) setter {
	return keepAs(func(d *draft) *string { return field(&d.azure) })
}

var azureNames = names{
	"time": instant(endField), "timestamp": instant(endField), "timegenerated": instant(endField),
	"durationms": duration(durationField, 1e3), "totaltime": duration(durationField, 1e3),
	"timetaken": duration(durationField, 1), "backendtime": duration(upstreamDurationField, 1e3),
	"serverresponselatency": duration(upstreamDurationField, 1),
	"correlationid":         setID, "transactionid": setID, "trackingreference": setID, "refstring": setID,

	"method": setMethod, "httpmethod": setMethod, "url": setTarget, "originalrequesturiwithargs": setTarget,
	"requesturi": setURLOrPath, "requestquery": setQuery, "clientprotocol": setProto, "httpversion": setAzureVersion,
	"host": setHost, "originalhost": text(func(d *draft, v string) { d.host = v }), "hostname": setHost,
	"requestprotocol": setScheme, "sslenabled": setScheme,

	"responsecode": setStatus, "httpstatus": setStatus, "httpstatuscode": setStatus,
	"backendresponsecode": setAzureBackend, "serverstatus": setAzureBackend,
	"requestsize": bytesOf(requestSizeField), "receivedbytes": bytesOf(requestSizeField),
	"requestbytes": bytesOf(requestSizeField), "responsesize": bytesOf(responseSizeField),
	"sentbytes": bytesOf(responseSizeField), "responsebytes": bytesOf(responseSizeField),

	"calleripaddress": setClient, "clientip": setAzureClient, "clientport": setClientPort,
	"socketip":  text(func(d *draft, v string) { d.azure.socket = v }),
	"useragent": requestHeader("user-agent"), "referer": requestHeader("referer"),
	"requestheaders": setHeaders(false), "responseheaders": setHeaders(true),
	"requestbody": unkept, "responsebody": unkept, "backendrequestbody": unkept, "backendresponsebody": unkept,
	"apiid": setService, "backendpoolname": keepAs(func(d *draft) *string { return &d.weakService }),
	"endpoint": keepAs(func(d *draft) *string { return &d.weakService }),

	"apimsubscriptionid":              text(func(d *draft, v string) { d.azure.subscription = v }),
	"userid":                          azureText(func(a *azureAnswer) *string { return &a.user }),
	"lasterror_reason":                azureText(func(a *azureAnswer) *string { return &a.reason }),
	"lasterrorreason":                 azureText(func(a *azureAnswer) *string { return &a.reason }),
	"lasterror_section":               azureText(func(a *azureAnswer) *string { return &a.section }),
	"lasterrorsection":                azureText(func(a *azureAnswer) *string { return &a.section }),
	"cache":                           azureText(func(a *azureAnswer) *string { return &a.cache }),
	"action":                          azureText(func(a *azureAnswer) *string { return &a.firewall }),
	"wafmode":                         azureText(func(a *azureAnswer) *string { return &a.wafMode }),
	"error_info":                      azureText(func(a *azureAnswer) *string { return &a.errorInfo }),
	"errorinfo":                       azureText(func(a *azureAnswer) *string { return &a.errorInfo }),
	"originip":                        azureText(func(a *azureAnswer) *string { return &a.origin }),
	"sslclientverify":                 azureText(func(a *azureAnswer) *string { return &a.verify }),
	"sslclientcertificatefingerprint": text(func(d *draft, v string) { d.azure.certificate = v }),

	"resourceid":  azureResource("cloud.resource_id"),
	"_resourceid": azureResource("cloud.resource_id"),
	"location":    azureResource("cloud.region"),
}

func azureResource(key string) setter {
	return text(func(d *draft, v string) { setText(&d.r.Resource, key, v) })
}

// setAzureVersion takes the version of HTTP as Front Door writes it: 2.0.0.0.
func setAzureVersion(d *draft, _ int, n *jsondoc.Node) bool {
	d.setProto(strings.TrimSuffix(textOf(n), ".0.0"))
	return d.proto != ""
}

func setAzureBackend(d *draft, _ int, n *jsondoc.Node) bool {
	d.upstreamStatus = statusOf(textOf(n))
	d.azure.backend = d.upstreamStatus != 0
	return d.azure.backend
}

func setAzureClient(d *draft, i int, n *jsondoc.Node) bool {
	switch d.azure.category {
	case azureFront, azureFrontWAF:
		d.azure.forwarded = textOf(n)
		return true
	}
	return setClient(d, i, n)
}
