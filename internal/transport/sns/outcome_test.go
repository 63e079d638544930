package sns

import (
	"net/http"
	"strings"
	"testing"

	"accessrelay/internal/transport"
)

// What the suite of all transports does not know: the codes whose consequence is
// ours to choose, and what is said beside them.
func TestOutcome(t *testing.T) {
	const cut = `<ErrorResponse><Error><Type>Sender</Type><Code>NotFound</Code><Message>canary`
	tests := []struct {
		status int
		body   string
		reason transport.Reason
		class  transport.Class
		says   string
	}{
		{404, fault("NotFound"), "client_error", transport.Dead, "answered 404 Not Found (NotFound): the topic does not exist"},
		{404, cut, "client_error", transport.Dead, "(NotFound)"}, // longer than is read
		{403, fault("AuthorizationError"), "client_error", transport.Dead, "sns:Publish"},
		{403, fault("InvalidClientTokenId"), "client_error", transport.Dead, "does not know the access key"},
		{403, fault("RequestExpired"), "client_error", transport.Retry, "clock"},
		{400, fault("RequestTimeTooSkewed"), "client_error", transport.Retry, "clock"},
		{400, fault("InternalError"), "server_error", transport.Retry, "(InternalError)"},
		{429, "", "rate_limited", transport.Throttle, "answered 429 Too Many Requests"},
		{429, fault("canary"), "rate_limited", transport.Throttle, "answered 429 Too Many Requests"},
		{400, fault("KMSThrottling"), "rate_limited", transport.Throttle, "(KMSThrottling)"},
		{301, fault("Throttling"), "redirect", transport.Dead, "(Throttling)"},
		{410, fault("Throttling"), "gone", transport.Gone, "(Throttling)"},
		{400, fault("canary"), "client_error", transport.Dead, "answered 400 Bad Request"},
		{400, `<Code><canary/></Code>`, "client_error", transport.Dead, "answered 400 Bad Request"},
		{400, `<Code>NotFound<!-- -->x`, "client_error", transport.Dead, "the topic does not exist"},
		{400, `{"Code":"Throttling"}`, "client_error", transport.Dead, "answered 400 Bad Request"},
	}
	for _, tt := range tests {
		got, expired := outcome(&transport.Answer{Status: tt.status, Header: http.Header{}, Body: []byte(tt.body)}, now, false)
		if got == nil || expired || got.Reason != tt.reason || got.Class != tt.class || !strings.Contains(got.Error(), tt.says) || strings.Contains(got.Error(), "canary") {
			t.Errorf("%d %s: %+v, want %s %v %q", tt.status, tt.body, got, tt.reason, tt.class, tt.says)
		}
	}
	if got, _ := outcome(&transport.Answer{Status: 200, Body: []byte(fault("NotFound"))}, now, true); got != nil {
		t.Errorf("a success is %v", got)
	}
}

func FuzzErrorCode(f *testing.F) {
	f.Add([]byte(fault("NotFound")))
	f.Add([]byte("<Code>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, _ := outcome(&transport.Answer{Status: 400, Header: http.Header{}, Body: body}, now, true)
		code := errorCode(body)
		if _, known := meanings[code]; !known && got.Error() != "client_error: answered 400 Bad Request" {
			t.Errorf("an unknown code shows: %v", got)
		}
	})
}
