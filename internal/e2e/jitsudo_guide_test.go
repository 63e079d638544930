package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// jitsudoGuide is what JITSudo's page "Notification Channels" has its readers
// paste, as it stands there.
const jitsudoGuide = `
curl -X POST https://jitsudo.example.com/v1/notification-channels/slack-webhook \
-H "X-API-Key: <api-key>" \
-H "X-Tenant-ID: <tenant-uuid>" \
-H "Content-Type: application/json" \
-d '{
"name": "engineering-slack",
"webhook_url": "https://hooks.slack.com/services/T.../B.../xxx",
"event_filters": ["request.pending", "request.approved", "grant.active"]
}'

curl -X POST https://jitsudo.example.com/v1/notification-channels/email \
-H "X-API-Key: <api-key>" \
-H "X-Tenant-ID: <tenant-uuid>" \
-H "Content-Type: application/json" \
-d '{
"name": "security-team-email",
"smtp_host": "smtp.example.com",
"smtp_port": 587,
"from_address": "jitsudo@example.com",
"to_addresses": ["security@example.com"]
}'

curl -X POST https://jitsudo.example.com/v1/notification-channels/generic-webhook \
-H "X-API-Key: <api-key>" \
-H "X-Tenant-ID: <tenant-uuid>" \
-H "Content-Type: application/json" \
-d '{
"name": "pagerduty-webhook",
"url": "https://events.pagerduty.com/integration/xxx/enqueue",
"headers": {"Authorization": "Token token=xxx"}
}'

curl -X POST https://jitsudo.example.com/v1/notification-channels/aws-sns \
-H "X-API-Key: <api-key>" \
-H "X-Tenant-ID: <tenant-uuid>" \
-H "Content-Type: application/json" \
-d '{
"name": "ops-sns-topic",
"topic_arn": "arn:aws:sns:us-east-1:123456789012:jitsudo-notifications"
}'
`

// guideChannels are what the guide's lines make, as answers show it.
var guideChannels = []struct{ name, typ, config, filters, rate string }{
	{"engineering-slack", "slack_webhook", `{"url":"https://hooks.slack.com/***"}`, `["request.pending","request.approved","grant.active"]`, "1/s"},
	{"security-team-email", "email", `{"smtp_host":"smtp.example.com","smtp_port":587,"tls":"starttls","from_address":"jitsudo@example.com","to_addresses":["security@example.com"]}`, `[]`, ""},
	{"pagerduty-webhook", "generic_webhook", `{"url":"https://events.pagerduty.com/***","headers":{"Authorization":"***"}}`, `[]`, ""},
	{"ops-sns-topic", "aws_sns", `{"topic_arn":"arn:aws:sns:us-east-1:123456789012:jitsudo-notifications"}`, `[]`, ""},
}

type guideChannel struct {
	channelView
	Filters   json.RawMessage `json:"event_filters"`
	RateLimit string          `json:"rate_limit"`
}

// TestJITSudoGuide: who follows JITSudo's guide gets its four channels, with
// nothing changed but the host and the keys. The SNS channel has no keys of its
// own, so the operator must have listed its topic.
func TestJITSudoGuide(t *testing.T) {
	t.Parallel()
	r := newRelay(t)
	r.delivery += "  aws_default_credentials_for: [\"arn:aws:sns:us-east-1:123456789012:jitsudo-notifications\"]\n"
	r.startSealed()

	statuses := r.pasteGuide()
	if !slices.Equal(statuses, []string{"201", "201", "201", "201"}) {
		t.Fatalf("curl was answered %v", statuses)
	}
	listed := decode[list[guideChannel]](t, r.call(http.MethodGet, channelsPath, ""), http.StatusOK).Data
	if len(listed) != len(guideChannels) {
		t.Fatalf("%d channels: %+v", len(listed), listed)
	}
	for i, want := range guideChannels { // in the order in which they were made
		read := decode[guideChannel](t, r.call(http.MethodGet, channelsPath+"/"+listed[i].ID, ""), http.StatusOK)
		for how, got := range map[string]guideChannel{"listed": listed[i], "read": read} {
			if got.Name != want.name || got.ChannelType != want.typ || !got.Enabled || got.ManagedBy != "api" || got.RateLimit != want.rate ||
				!equalJSON(t, got.Filters, []byte(want.filters)) || !equalJSON(t, got.Config, []byte(want.config)) {
				t.Errorf("%s: %+v with config %s, want %+v", how, got, got.Config, want)
			}
		}
	}
	// The same again is refused, name by name, and changes nothing.
	if again := r.pasteGuide(); !slices.Equal(again, []string{"409", "409", "409", "409"}) {
		t.Errorf("the second time curl was answered %v", again)
	}
}

// TestJITSudoGuideWithoutTheOperator: a topic that the operator has not listed
// gets none of the relay's own credentials.
func TestJITSudoGuideWithoutTheOperator(t *testing.T) {
	t.Parallel()
	r := newRelay(t)
	r.delivery += "  aws_default_credentials_for: [\"arn:aws:sns:us-east-1:123456789012:other-*\"]\n"
	r.startSealed()
	if statuses := r.pasteGuide(); !slices.Equal(statuses, []string{"201", "201", "201", "400"}) {
		t.Errorf("curl was answered %v", statuses)
	}
}

// pasteGuide has bash and curl run the guide's lines, and returns what each was
// answered.
func (r *relay) pasteGuide() []string {
	r.t.Helper()
	lines := strings.NewReplacer(
		"https://jitsudo.example.com", r.ingest.listener("api"), "<api-key>", r.apiKey, "<tenant-uuid>", tenant,
	).Replace(jitsudoGuide)
	// A function of the name, so that the lines themselves stay as they are.
	const note = `curl() { command curl -sS -o answer -w '%{http_code}\n' "$@"; }` + "\n"
	cmd := exec.CommandContext(r.t.Context(), "bash", "-e", "-c", note+lines)
	cmd.Dir = r.t.TempDir()
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("bash: %v\n%s", err, &said)
	}
	return strings.Fields(string(out))
}
