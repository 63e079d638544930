package transporttest

import (
	"crypto/sha256"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// The limits of Publish, from its reference.
const (
	maxSNSMessage = 262_144
	maxSNSSubject = 100
	maxSNSForm    = 3*maxSNSMessage + 4096 // percent-encoded, with the rest of the form
)

func snsProtocol() Protocol {
	orders := httpOrders(snsConfirm)
	orders[refuse] = snsFault(http.StatusBadRequest, "InvalidParameter", nil)
	orders[deferIt] = snsFault(http.StatusInternalServerError, "InternalError", nil)
	orders[throttleIt] = snsFault(http.StatusBadRequest, "Throttling", nil)
	return Protocol{
		usual: insecure,
		start: func(t *testing.T, k security) destination {
			t.Helper()
			return startHTTP(t, k, orders)
		},
		orders: map[order]want{
			confirm:    {},
			refuse:     dead("client_error"),
			deferIt:    retry("server_error"),
			throttleIt: throttle("rate_limited", anyWait),
			cut:        retry("connection"),
			redirectIt: dead("redirect"),
			babble:     retry("bad_response"),
		},
		outcomes: snsOutcomes(),
		texts: func(t *testing.T, m Message) []string {
			t.Helper()
			checkRequest(t, m)
			return checkPublish(t, m)
		},
		limit: maxSNSForm,
		own: []ownTest{
			{"redirect is not followed", redirects},
			{"broken answers", brokenAnswers},
			{"slow body", slowBody},
			{"huge answer", hugeAnswer},
		},
	}
}

// snsConfirm answers as SNS does: with a MessageId.
func snsConfirm(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/xml")
	_, _ = io.WriteString(w, `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>`+
		`<MessageId>567910cd-659e-55d4-8ccb-5aaf14679dc0</MessageId></PublishResult>`+
		`<ResponseMetadata><RequestId>d74b8436-ae13-5ab4-a9ff-ce54dfea72a0</RequestId></ResponseMetadata></PublishResponse>`)
}

// snsFault answers with an error as AWS's Query protocol writes it, and with all
// that our error must not show.
func snsFault(status int, code string, header http.Header) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		kind := "Sender"
		if status >= 500 {
			kind = "Receiver"
		}
		for name, values := range header {
			w.Header()[name] = values
		}
		w.Header().Set("Content-Type", "text/xml")
		w.Header().Set("X-Amzn-Requestid", "canary-request")
		w.WriteHeader(status)
		var b strings.Builder
		_ = xml.EscapeText(&b, append([]byte("canary "+r.Header.Get("Authorization")+" "), body...))
		_, _ = fmt.Fprintf(w, `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>%s</Type>`+
			`<Code>%s</Code><Message>%s</Message></Error><RequestId>canary-request</RequestId></ErrorResponse>`, kind, code, b.String())
	}
}

// snsOutcomes: what follows from each error code, and from answers that are none
// of SNS's.
func snsOutcomes() []outcome {
	var out []outcome
	add := func(w want, status int, codes ...string) {
		for _, code := range codes {
			out = append(out, outcome{fmt.Sprint(status, " ", code), snsFault(status, code, nil), w, ""})
		}
	}
	add(dead("client_error"), 400, "InvalidParameter", "InvalidParameterValue", "ParameterValueInvalid", "ValidationError",
		"ValidationException", "EndpointDisabled", "PlatformApplicationDisabled", "KMSDisabled", "KMSInvalidState", "KMSNotFound",
		"KMSOptInRequired", "KMSAccessDenied", "InvalidSecurity", "MissingParameter", "IncompleteSignature", "InvalidAction",
		"MalformedQueryString", "Canary_of_an_unknown_code")
	add(dead("client_error"), 403, "AuthorizationError", "AccessDenied", "AccessDeniedException", "InvalidClientTokenId",
		"SignatureDoesNotMatch", "MissingAuthenticationToken", "OptInRequired", "ExpiredToken", "UnrecognizedClientException")
	add(dead("client_error"), 404, "NotFound", "NotFoundException", "ResourceNotFound")
	add(throttle("rate_limited", anyWait), 400, "Throttling", "ThrottlingException", "RequestLimitExceeded", "KMSThrottling",
		"KMSThrottlingException", "ThrottledException", "RequestThrottled", "TooManyRequestsException", "BandwidthLimitExceeded",
		"PriorRequestNotComplete", "ProvisionedThroughputExceededException", "LimitExceededException", "SlowDown", "EC2ThrottledException")
	add(throttle("rate_limited", anyWait), 429, "Throttled", "ThrottledException")
	add(throttle("rate_limited", anyWait), 503, "Throttling", "SlowDown")
	add(retry("server_error"), 500, "InternalError", "InternalFailure", "InternalErrorException", "Canary_of_an_unknown_code")
	add(retry("server_error"), 502, "BadGateway")
	add(retry("server_error"), 503, "ServiceUnavailable")
	add(retry("server_error"), 504, "GatewayTimeout")
	add(retry("timeout"), 408, "RequestTimeout")
	add(gone(), 410, "Gone")

	// Whoever stands between us and SNS answers without its XML.
	seven := http.Header{"Retry-After": {"7"}}
	for _, r := range []struct {
		status int
		header http.Header
		want   want
	}{
		{300, nil, dead("redirect")}, {301, nil, dead("redirect")}, {307, nil, dead("redirect")}, {399, nil, dead("redirect")},
		{400, nil, dead("client_error")}, {401, nil, dead("client_error")}, {403, nil, dead("client_error")}, {404, nil, dead("client_error")},
		{413, nil, dead("client_error")}, {499, nil, dead("client_error")}, {400, seven, dead("client_error")},
		{408, nil, retry("timeout")}, {425, nil, retry("server_error")}, {410, nil, gone()},
		{429, seven, throttle("rate_limited", aWhile)},
		{500, nil, retry("server_error")}, {502, nil, retry("server_error")}, {503, nil, retry("server_error")}, {504, nil, retry("server_error")},
		{502, seven, throttle("unavailable", aWhile)}, {503, seven, throttle("unavailable", aWhile)}, {504, seven, throttle("unavailable", aWhile)},
		{599, nil, retry("server_error")}, {600, nil, retry("bad_response")},
		// A success that is not SNS's own: a login page, say.
		{200, nil, retry("bad_response")}, {204, nil, retry("bad_response")},
	} {
		name := strconv.Itoa(r.status) + " without XML " + r.header.Get("Retry-After")
		out = append(out, outcome{name, echo(r.status, r.header), r.want, ""})
	}
	out = append(out,
		outcome{"503 ServiceUnavailable 7", snsFault(503, "ServiceUnavailable", seven), throttle("unavailable", aWhile), ""},
		outcome{"429 Throttled 7", snsFault(429, "Throttled", seven), throttle("rate_limited", aWhile), ""},
		outcome{"200 with an error", snsFault(200, "InternalError", nil), retry("bad_response"), ""},
	)
	return out
}

// checkPublish reads a Publish request and fails t for what SNS would refuse. It
// returns what subscribers see.
func checkPublish(t *testing.T, m Message) []string {
	t.Helper()
	form, err := url.ParseQuery(string(m.Body))
	if err != nil {
		t.Errorf("no form: %v", err)
		return nil
	}
	for name, values := range form {
		if len(values) != 1 || !utf8.ValidString(values[0]) {
			t.Errorf("%s has %d values, or no UTF-8", name, len(values))
		}
	}
	if form.Get("Action") != "Publish" || form.Get("TopicArn") == "" {
		t.Errorf("%s to %q", form.Get("Action"), form.Get("TopicArn"))
	}
	message := form.Get("Message")
	total := len(message)
	subject := form.Get("Subject")
	if len(subject) >= maxSNSSubject || strings.ContainsFunc(subject, func(r rune) bool { return r > unicode.MaxASCII || unicode.IsControl(r) }) ||
		subject != "" && !strings.ContainsAny(subject[:1], "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") {
		t.Errorf("the subject is %q", subject)
	}
	out := []string{subject}
	attributes := 0
	for i := 1; ; i++ {
		prefix := fmt.Sprintf("MessageAttributes.entry.%d.", i)
		name := form.Get(prefix + "Name")
		if name == "" {
			break
		}
		attributes++
		value := form.Get(prefix + "Value.StringValue")
		if value == "" || form.Get(prefix+"Value.DataType") != "String" {
			t.Errorf("the attribute %s is %q of type %s", name, value, form.Get(prefix+"Value.DataType"))
		}
		total += len(name) + len(value) + len("String")
		out = append(out, name, value)
	}
	if attributes > 10 {
		t.Errorf("%d attributes: a queue with raw delivery gets no more than 10", attributes)
	}
	if total > maxSNSMessage {
		t.Errorf("the message and its attributes have %d bytes", total)
	}
	if id := form.Get("MessageDeduplicationId"); id != "" && len(id) > 128 {
		t.Errorf("the deduplication id has %d characters", len(id))
	}
	if !json.Valid([]byte(message)) {
		t.Errorf("the message is no JSON: %.200q", message)
	}
	if sum := m.Header.Get("X-Amz-Content-Sha256"); sum != "" && sum != fmt.Sprintf("%x", sha256.Sum256(m.Body)) {
		t.Error("the body is not what was signed")
	}
	return append(out, jsonTexts(t, []byte(message))...)
}
