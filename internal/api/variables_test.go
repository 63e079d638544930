package api_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// The file's loader replaces ${VAR}; through the API it would be sent as it stands.
func TestVariablesAreForTheFile(t *testing.T) {
	h := start(t)
	const (
		list = "/v1/notification-channels/"
		mail = `"smtp_host":"smtp.example.com","from_address":"relay@example.com",`
		arn  = `"topic_arn":"arn:aws:sns:eu-central-1:123456789012:t",`
	)
	for _, tt := range []struct{ name, path, body, fields string }{
		{"a body", "generic-webhook", `"url":"https://a.example/x","body_template":"{\"key\":\"${KEY}\",\"t\":{{type}} }"`, `["body_template"]`},
		{"a body, under config", "generic-webhook", `"config":{"url":"https://a.example/x","body_template":"{\"key\":\"${KEY}\"}"}`, `["config.body_template"]`},
		{"as the file escapes it", "generic-webhook", `"url":"https://a.example/x","content_type":"text/plain","body_template":"$${KEY}"`, `["body_template"]`},
		{"a header", "generic-webhook", `"url":"https://a.example/x","headers":{"A":"b","Authorization":"Bearer ${_k1}"}`, `["headers"]`},
		{"a path of the address", "generic-webhook", `"url":"https://a.example/${KEY}"`, `["url"]`},
		{"the secret", "generic-webhook", `"url":"https://a.example/x","signing_secret":"${KEY}"`, `["signing_secret"]`},
		{"a text", "slack-webhook", `"url":"https://a.example/x","text_template":"${ENV}: {{summary}}"`, `["text_template"]`},
		{"the other name of the address", "slack-webhook", `"webhook_url":"https://a.example/${KEY}"`, `["webhook_url"]`},
		{"a subject", "email", mail + `"to_addresses":["a@example.com"],"subject_template":"[${ENV}] {{summary}}"`, `["subject_template"]`},
		{"an entry of a list", "email", mail + `"to_addresses":["a@example.com","${TO}@example.com"]`, `["to_addresses"]`},
		{"a key of AWS", "aws-sns", arn + `"access_key_id":"AKIAIOSFODNN7EXAMPLE","secret_access_key":"${KEY}"`, `["secret_access_key"]`},
		{"beside what is wrong otherwise", "generic-webhook", `"url":"ftp://a.example","body_template":"{\"k\":\"${KEY}\"}"`, `["body_template","url"]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := h.do(request{method: "POST", path: list + tt.path, body: `{"name":"n",` + tt.body + `}`})
			if got.status != 400 || wrongFields(t, got.body) != tt.fields {
				t.Fatalf("%d, want 400 for %s: %s", got.status, tt.fields, got.body)
			}
			if !strings.Contains(got.body, "holds ${…}: variables are for the file; put the value itself here") {
				t.Errorf("it does not say what is wrong: %s", got.body)
			}
			for _, quoted := range []string{"KEY", "_k1", "ENV", "TO"} {
				if strings.Contains(got.body, quoted) {
					t.Errorf("it quotes the value: %s", got.body)
				}
			}
		})
	}
	made := h.do(request{method: "POST", path: list + "generic-webhook",
		body: `{"name":"n","url":"https://a.example/x","content_type":"text/plain","body_template":"$ {A} ${ ${1} ${} $A ${{type}}"}`})
	if made.status != 201 {
		t.Fatalf("what is no variable is refused: %d: %s", made.status, made.body)
	}
	var ch struct{ ID string }
	if err := json.Unmarshal([]byte(made.body), &ch); err != nil {
		t.Fatal(err)
	}
	got := h.do(request{method: "PUT", path: list + ch.ID, body: `{"config":{"url":"https://a.example/${KEY}"}}`})
	if got.status != 400 || wrongFields(t, got.body) != `["config.url"]` {
		t.Errorf("an update: %d: %s", got.status, got.body)
	}
}
