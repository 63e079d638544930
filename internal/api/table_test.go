package api_test

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestAnswers is the API's outside, call by call. Rows share one relay that
// holds what seed puts there; ${name} in a path or body is something of it.
func TestAnswers(t *testing.T) {
	h := start(t)
	named := h.seed()
	fill := func(s string) string {
		for k, v := range named {
			s = strings.ReplaceAll(s, "${"+k+"}", v)
		}
		return s
	}
	const (
		list  = "/v1/notification-channels"
		slack = list + "/slack-webhook"
		hook  = list + "/generic-webhook"
		dels  = "/v1/deliveries"
	)
	big := `{"name":"big","url":"https://a.example/` + strings.Repeat("a", 1<<20) + `"}`
	longest := strings.Repeat("é", 128)

	rows := []struct {
		name   string
		req    request
		status int
		code   string            // of an error
		fields string            // of an error: the keys of details.fields, sorted by JSON
		want   string            // part of the body
		header map[string]string // of the answer
	}{
		// Who calls.
		{name: "no key", req: request{method: "GET", path: list, key: "-"}, status: 401, code: "unauthenticated",
			header: map[string]string{"WWW-Authenticate": `Bearer realm="accessrelay API"`}},
		{name: "wrong key", req: request{method: "GET", path: list, key: "nobody's"}, status: 401, code: "unauthenticated"},
		{name: "empty key", req: request{method: "GET", path: list, key: "-", header: map[string]string{"X-API-Key": " "}}, status: 401, code: "unauthenticated"},
		{name: "the hash instead of the key", req: request{method: "GET", path: list, key: "${hash}"}, status: 401, code: "unauthenticated"},
		{name: "wrong key and no tenant", req: request{method: "GET", path: list, key: "nobody's", tenant: "-"}, status: 401, code: "unauthenticated"},
		{name: "wrong key before a wrong body", req: request{method: "POST", path: slack, key: "nobody's", body: "{"}, status: 401, code: "unauthenticated"},
		{name: "Basic", req: request{method: "GET", path: list, key: "-", header: map[string]string{"Authorization": "Basic YTpi"}}, status: 401, code: "unauthenticated"},
		{name: "Bearer without a token", req: request{method: "GET", path: list, key: "-", header: map[string]string{"Authorization": "Bearer"}}, status: 401, code: "unauthenticated"},
		{name: "Bearer", req: request{method: "GET", path: list, key: "-", header: map[string]string{"Authorization": "Bearer " + acmeKey}}, status: 200},
		{name: "bearer in lower case", req: request{method: "GET", path: list, key: "-", header: map[string]string{"Authorization": "bearer " + acmeKey}}, status: 200},
		{name: "wrong X-API-Key beside a right Bearer", req: request{method: "GET", path: list, key: "nobody's", header: map[string]string{"Authorization": "Bearer " + acmeKey}}, status: 401, code: "unauthenticated"},
		{name: "the tenant's other key", req: request{method: "GET", path: list, key: ciKey}, status: 200},
		{name: "no tenant", req: request{method: "GET", path: list, tenant: "-"}, status: 400, code: "tenant_required"},
		{name: "another tenant", req: request{method: "GET", path: list, tenant: globex}, status: 403, code: "tenant_mismatch"},
		{name: "a tenant nobody knows", req: request{method: "GET", path: list, tenant: "${nobody}"}, status: 403, code: "tenant_mismatch"},
		{name: "no UUID as tenant", req: request{method: "GET", path: list, tenant: "acme"}, status: 403, code: "tenant_mismatch"},
		{name: "tenant in capitals", req: request{method: "GET", path: list, tenant: strings.ToUpper(acme)}, status: 200},
		{name: "tenant that the file has in capitals", req: request{method: "GET", path: list, key: gloKey, tenant: strings.ToLower(globex)}, status: 200},
		{name: "one key of two tenants, the first", req: request{method: "GET", path: list, key: bothKey}, status: 200, want: "security-slack"},
		{name: "one key of two tenants, the second", req: request{method: "GET", path: list, key: bothKey, tenant: globex}, status: 200, want: "globex-hook"},

		// Where to.
		{name: "root", req: request{method: "GET", path: "/"}, status: 404, code: "not_found"},
		{name: "unknown path needs no key", req: request{method: "GET", path: "/v2", key: "-"}, status: 404, code: "not_found"},
		{name: "POST the description", req: request{method: "POST", path: "/openapi.yaml"}, status: 405, code: "method_not_allowed", header: map[string]string{"Allow": "GET, HEAD"}},
		{name: "PATCH a channel", req: request{method: "PATCH", path: list + "/${api}"}, status: 405, code: "method_not_allowed",
			header: map[string]string{"Allow": "GET, HEAD, POST, PUT, DELETE"}},
		{name: "DELETE the list", req: request{method: "DELETE", path: list}, status: 405, code: "method_not_allowed", header: map[string]string{"Allow": "GET, HEAD"}},
		{name: "POST without a type", req: request{method: "POST", path: list, body: `{"name":"p"}`}, status: 405, code: "method_not_allowed", header: map[string]string{"Allow": "GET, HEAD"},
			want: "a channel is made with POST /v1/notification-channels/{slack-webhook|email|generic-webhook|aws-sns}"},
		{name: "redact by the end of a path", req: request{method: "POST", path: slack, body: `{"name":"x","url":"` + slackURL + `","redact":["reason"]}`}, status: 400, code: "invalid", fields: `["redact[0]"]`, want: `did you mean \"request.reason\"?`},
		{name: "GET a test", req: request{method: "GET", path: list + "/${api}/test"}, status: 405, code: "method_not_allowed", header: map[string]string{"Allow": "POST"}},
		{name: "GET all events", req: request{method: "GET", path: "/v1/events"}, status: 405, code: "method_not_allowed", header: map[string]string{"Allow": "POST"}},
		{name: "POST a receipt", req: request{method: "POST", path: "/v1/events/${queued}"}, status: 405, code: "method_not_allowed", header: map[string]string{"Allow": "GET, HEAD"}},
		{name: "a method of nobody's", req: request{method: "BREW", path: dels}, status: 405, code: "method_not_allowed", header: map[string]string{"Allow": "GET, HEAD"}},
		{name: "a method of nobody's, nowhere", req: request{method: "BREW", path: "/"}, status: 404, code: "not_found"},
		{name: "HEAD", req: request{method: "HEAD", path: list}, status: 200},
		{name: "HEAD without a key", req: request{method: "HEAD", path: list, key: "-"}, status: 401},
		{name: "unknown channel type", req: request{method: "POST", path: list + "/pigeon", body: `{"name":"p"}`}, status: 404, code: "not_found", want: "slack-webhook, email, generic-webhook, aws-sns"},
		{name: "type with an underscore", req: request{method: "POST", path: list + "/slack_webhook", body: `{"name":"p"}`}, status: 404, code: "not_found"},

		// The body as such.
		{name: "no content type", req: request{method: "POST", path: slack, body: `{}`, header: map[string]string{"Content-Type": ""}}, status: 415, code: "unsupported_media_type"},
		{name: "a form", req: request{method: "POST", path: slack, body: `{}`, header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"}}, status: 415, code: "unsupported_media_type"},
		{name: "content encoding", req: request{method: "POST", path: slack, body: `{}`, header: map[string]string{"Content-Encoding": "gzip"}}, status: 415, code: "unsupported_media_type"},
		{name: "PUT of a form", req: request{method: "PUT", path: list + "/${api}", body: `{}`, header: map[string]string{"Content-Type": "text/plain"}}, status: 415, code: "unsupported_media_type"},
		{name: "too large", req: request{method: "POST", path: slack, body: big}, status: 413, code: "too_large"},
		{name: "nothing", req: request{method: "POST", path: slack, header: map[string]string{"Content-Type": "application/json"}}, status: 400, code: "malformed"},
		{name: "no JSON", req: request{method: "POST", path: slack, body: `{"name":"` + canary}, status: 400, code: "malformed"},
		{name: "a list", req: request{method: "POST", path: slack, body: `[]`}, status: 400, code: "malformed"},
		{name: "null", req: request{method: "POST", path: slack, body: `null`}, status: 400, code: "malformed"},
		{name: "two values", req: request{method: "POST", path: slack, body: `{} {}`}, status: 400, code: "malformed"},
		{name: "not UTF-8", req: request{method: "POST", path: slack, body: "{\"name\":\"\xff\"}"}, status: 400, code: "malformed"},
		{name: "a key twice", req: request{method: "POST", path: slack, body: `{"name":"a","name":"b","url":"` + slackURL + `"}`}, status: 400, code: "invalid", fields: `["name"]`},

		// Creating.
		{name: "nothing said", req: request{method: "POST", path: slack, body: `{}`}, status: 400, code: "invalid", fields: `["name","url"]`},
		{name: "no name", req: request{method: "POST", path: slack, body: `{"webhook_url":"` + slackURL + `"}`}, status: 400, code: "invalid", fields: `["name"]`},
		{name: "plain http, flat", req: request{method: "POST", path: slack, body: `{"name":"a","url":"http://hooks.example/x"}`}, status: 400, code: "invalid", fields: `["url"]`},
		{name: "plain HTTP, nested", req: request{method: "POST", path: slack, body: `{"name":"a","config":{"webhook_url":"HTTP://hooks.example/x"}}`}, status: 400, code: "invalid", fields: `["config.url"]`},
		{name: "empty name", req: request{method: "POST", path: slack, body: `{"name":"","url":"` + slackURL + `"}`}, status: 400, code: "invalid", fields: `["name"]`},
		{name: "name of a number", req: request{method: "POST", path: slack, body: `{"name":7,"url":"` + slackURL + `"}`}, status: 400, code: "invalid", fields: `["name"]`},
		{name: "name of null", req: request{method: "POST", path: slack, body: `{"name":null,"url":"` + slackURL + `"}`}, status: 400, code: "invalid", fields: `["name"]`},
		{name: "name with a line break", req: request{method: "POST", path: slack, body: `{"name":"a\nb","url":"` + slackURL + `"}`}, status: 400, code: "invalid", fields: `["name"]`},
		{name: "name that turns the text around", req: request{method: "POST", path: slack, body: `{"name":"a\u202eb","url":"` + slackURL + `"}`}, status: 400, code: "invalid", fields: `["name"]`},
		{name: "name in blanks", req: request{method: "POST", path: slack, body: `{"name":" a","url":"` + slackURL + `"}`}, status: 400, code: "invalid", fields: `["name"]`},
		{name: "name of 129 characters", req: request{method: "POST", path: slack, body: `{"name":"` + longest + `é","url":"` + slackURL + `"}`}, status: 400, code: "invalid", fields: `["name"]`},
		{name: "name of 128 characters", req: request{method: "POST", path: slack, body: `{"name":"` + longest + `","url":"` + slackURL + `"}`}, status: 201, want: longest},
		{name: "Name", req: request{method: "POST", path: slack, body: `{"Name":"x","url":"` + slackURL + `"}`}, status: 400, code: "invalid", fields: `["Name","name"]`},
		{name: "unknown key beside", req: request{method: "POST", path: slack, body: `{"name":"x","url":"` + slackURL + `","colour":"` + canary + `"}`}, status: 400, code: "invalid", fields: `["colour"]`},
		{name: "unknown key under config", req: request{method: "POST", path: slack, body: `{"name":"x","config":{"url":"` + slackURL + `","colour":1}}`}, status: 400, code: "invalid", fields: `["config.colour"]`},
		{name: "both ways", req: request{method: "POST", path: slack, body: `{"name":"x","webhook_url":"` + slackURL + `","config":{"url":"` + slackURL + `"}}`}, status: 400, code: "invalid", fields: `["webhook_url"]`},
		{name: "config of a string", req: request{method: "POST", path: slack, body: `{"name":"x","config":"` + canary + `"}`}, status: 400, code: "invalid", fields: `["config"]`},
		{name: "config of null", req: request{method: "POST", path: slack, body: `{"name":"x","config":null}`}, status: 400, code: "invalid", fields: `["config"]`},
		{name: "impossible address", req: request{method: "POST", path: slack, body: `{"name":"x","config":{"url":"ftp://` + canary + `"}}`}, status: 400, code: "invalid", fields: `["config.url"]`},
		{name: "masked address", req: request{method: "POST", path: slack, body: `{"name":"x","url":"https://hooks.slack.com/***"}`}, status: 400, code: "invalid", fields: `["url"]`},
		{name: "unknown event type", req: request{method: "POST", path: slack, body: `{"name":"x","url":"` + slackURL + `","event_filters":["grant.active","grant.lost","*"]}`}, status: 400, code: "invalid", fields: `["event_filters[1]","event_filters[2]"]`},
		{name: "filters of a string", req: request{method: "POST", path: slack, body: `{"name":"x","url":"` + slackURL + `","event_filters":"grant.*"}`}, status: 400, code: "invalid", fields: `["event_filters"]`},
		{name: "filters of null", req: request{method: "POST", path: slack, body: `{"name":"x","url":"` + slackURL + `","event_filters":null}`}, status: 400, code: "invalid", fields: `["event_filters"]`},
		{name: "too many filters", req: request{method: "POST", path: slack, body: `{"name":"x","url":"` + slackURL + `","event_filters":["test"` + strings.Repeat(`,"test"`, 64) + `]}`}, status: 400, code: "invalid", fields: `["event_filters"]`},
		{name: "a rate and paths", req: request{method: "POST", path: slack, body: `{"name":"paced","url":"` + slackURL + `","rate_limit":"30/m","redact":["request.reason","raw.a"]}`}, status: 201, want: `"rate_limit":"30/m","redact":["request.reason","raw.a"]`},
		{name: "the type's rate", req: request{method: "POST", path: slack, body: `{"name":"type's","url":"` + slackURL + `","rate_limit":null,"redact":[]}`}, status: 201, want: `"rate_limit":"1/s","redact":[]`},
		{name: "a type without a rate", req: request{method: "POST", path: hook, body: `{"name":"unpaced","url":"` + webhookURL + `","rate_limit":null}`}, status: 201, want: `"event_filters":[],"redact":[]`},
		{name: "a rate of a type without one, under config too", req: request{method: "POST", path: hook, body: `{"name":"hourly","config":{"url":"` + webhookURL + `"},"rate_limit":"7/h"}`}, status: 201, want: `"rate_limit":"7/h"`},
		{name: "rate of a number", req: request{method: "POST", path: slack, body: `{"name":"x","url":"` + slackURL + `","rate_limit":5}`}, status: 400, code: "invalid", fields: `["rate_limit"]`},
		{name: "rate of a word", req: request{method: "POST", path: slack, body: `{"name":"x","url":"` + slackURL + `","rate_limit":"` + canary + `"}`}, status: 400, code: "invalid", fields: `["rate_limit"]`},
		{name: "rate under config", req: request{method: "POST", path: slack, body: `{"name":"x","config":{"url":"` + slackURL + `","rate_limit":"1/s"}}`}, status: 400, code: "invalid", fields: `["config.rate_limit"]`},
		{name: "redact of a string", req: request{method: "POST", path: slack, body: `{"name":"x","url":"` + slackURL + `","redact":"request"}`}, status: 400, code: "invalid", fields: `["redact"]`},
		{name: "redact of null", req: request{method: "POST", path: slack, body: `{"name":"x","url":"` + slackURL + `","redact":null}`}, status: 400, code: "invalid", fields: `["redact"]`},
		{name: "redact of what is no fact", req: request{method: "POST", path: slack, body: `{"name":"x","url":"` + slackURL + `","redact":["request","reqest","id"]}`}, status: 400, code: "invalid", fields: `["redact[1]","redact[2]"]`, want: `did you mean \"request\"?`},
		{name: "redact of too much", req: request{method: "POST", path: slack, body: `{"name":"x","url":"` + slackURL + `","redact":["raw"` + strings.Repeat(`,"raw.a"`, 64) + `]}`}, status: 400, code: "invalid", fields: `["redact"]`},
		{name: "enabled of a string", req: request{method: "POST", path: slack, body: `{"name":"x","url":"` + slackURL + `","enabled":"yes"}`}, status: 400, code: "invalid", fields: `["enabled"]`},
		{name: "the path's type in other words", req: request{method: "POST", path: slack, body: `{"name":"x","url":"` + slackURL + `","channel_type":"email"}`}, status: 400, code: "invalid", fields: `["channel_type"]`},
		{name: "all that is wrong at once", req: request{method: "POST", path: hook, body: `{"config":{"signing_secret":"` + canary + `"},"event_filters":["x"],"enabled":1}`}, status: 400, code: "invalid", fields: `["config.signing_secret","config.url","enabled","event_filters[0]","name"]`},
		{name: "a name that the API gave", req: request{method: "POST", path: slack, body: `{"name":"engineering-slack","url":"` + slackURL + `"}`}, status: 409, code: "name_taken"},
		{name: "a name that the file gave", req: request{method: "POST", path: slack, body: `{"name":"security-slack","url":"` + slackURL + `"}`}, status: 409, code: "name_taken"},
		{name: "a name of another tenant's", req: request{method: "POST", path: slack, body: `{"name":"globex-hook","url":"` + slackURL + `"}`}, status: 201},
		{name: "charset", req: request{method: "POST", path: slack, body: `{"name":"charset","url":"` + slackURL + `"}`, header: map[string]string{"Content-Type": "Application/JSON; charset=utf-8"}}, status: 201},
		{name: "blanks everywhere", req: request{method: "POST", path: slack, body: ` { "name" : "blanks" , "config" : { "url" : "` + slackURL + `" } , "event_filters" : [ ] } `}, status: 201, want: `"event_filters":[]`},

		// One channel.
		{name: "no such channel", req: request{method: "GET", path: list + "/${nobody}"}, status: 404, code: "not_found"},
		{name: "no id", req: request{method: "GET", path: list + "/engineering-slack"}, status: 404, code: "not_found"},
		{name: "an id in another spelling", req: request{method: "GET", path: list + "/urn:uuid:${api}"}, status: 404, code: "not_found"},
		{name: "an id in capitals", req: request{method: "GET", path: list + "/${API}"}, status: 200, want: `"id":"${api}"`},
		{name: "another tenant's channel", req: request{method: "GET", path: list + "/${globex-channel}"}, status: 404, code: "not_found"},
		{name: "changing another tenant's channel", req: request{method: "PUT", path: list + "/${globex-channel}", body: `{"name":"mine"}`}, status: 404, code: "not_found"},
		{name: "deleting another tenant's channel", req: request{method: "DELETE", path: list + "/${globex-channel}"}, status: 404, code: "not_found"},
		{name: "testing another tenant's channel", req: request{method: "POST", path: list + "/${globex-channel}/test"}, status: 404, code: "not_found"},
		{name: "testing no channel", req: request{method: "POST", path: list + "/${nobody}/test"}, status: 404, code: "not_found"},
		{name: "the file's channel", req: request{method: "GET", path: list + "/${file}"}, status: 200, want: `"managed_by":"file"`},
		{name: "changing the file's channel", req: request{method: "PUT", path: list + "/${file}", body: `{"enabled":false}`}, status: 409, code: "managed_by_file"},
		{name: "deleting the file's channel", req: request{method: "DELETE", path: list + "/${file}"}, status: 409, code: "managed_by_file"},
		{name: "changing nothing", req: request{method: "PUT", path: list + "/${api}", body: `{}`}, status: 200, want: `"name":"engineering-slack"`},
		{name: "changing the type", req: request{method: "PUT", path: list + "/${api}", body: `{"channel_type":"generic_webhook"}`}, status: 400, code: "invalid", fields: `["channel_type"]`},
		{name: "the type as it is", req: request{method: "PUT", path: list + "/${api}", body: `{"channel_type":"slack_webhook"}`}, status: 200},
		{name: "type fields beside name are for creating", req: request{method: "PUT", path: list + "/${api}", body: `{"url":"` + slackURL + `"}`}, status: 400, code: "invalid", fields: `["url"]`},
		{name: "an answer sent back", req: request{method: "PUT", path: list + "/${api}", body: `{"config":{"url":"https://hooks.slack.com/***"}}`}, status: 400, code: "invalid", fields: `["config.url"]`},
		{name: "a key that answers have", req: request{method: "PUT", path: list + "/${api}", body: `{"managed_by":"file"}`}, status: 400, code: "invalid", fields: `["managed_by"]`},
		{name: "filters of null, changing", req: request{method: "PUT", path: list + "/${api}", body: `{"event_filters":null}`}, status: 400, code: "invalid", fields: `["event_filters"]`},
		{name: "a name taken by the file", req: request{method: "PUT", path: list + "/${api}", body: `{"name":"audit-hook"}`}, status: 409, code: "name_taken"},
		{name: "a name taken in the API", req: request{method: "PUT", path: list + "/${api}", body: `{"name":"siem"}`}, status: 409, code: "name_taken"},
		{name: "its own name", req: request{method: "PUT", path: list + "/${api}", body: `{"name":"engineering-slack"}`}, status: 200},
		{name: "deleting no channel", req: request{method: "DELETE", path: list + "/${nobody}"}, status: 404, code: "not_found"},

		// Lists.
		{name: "limit 0", req: request{method: "GET", path: list + "?limit=0"}, status: 400, code: "invalid", fields: `["limit"]`},
		{name: "limit 501", req: request{method: "GET", path: dels + "?limit=501"}, status: 400, code: "invalid", fields: `["limit"]`},
		{name: "limit of a word", req: request{method: "GET", path: dels + "?limit=all"}, status: 400, code: "invalid", fields: `["limit"]`},
		{name: "limit 500", req: request{method: "GET", path: dels + "?limit=500"}, status: 200},
		{name: "a cursor of nobody's", req: request{method: "GET", path: list + "?cursor=nonsense"}, status: 400, code: "invalid", fields: `["cursor"]`},
		{name: "a cursor of nobody's, deliveries", req: request{method: "GET", path: dels + "?cursor=nonsense"}, status: 400, code: "invalid", fields: `["cursor"]`},
		{name: "an empty cursor", req: request{method: "GET", path: dels + "?cursor="}, status: 200},
		{name: "a parameter of nobody's", req: request{method: "GET", path: dels + "?status=dead"}, status: 400, code: "invalid", fields: `["status"]`},
		{name: "a parameter twice", req: request{method: "GET", path: dels + "?state=dead&state=pending"}, status: 400, code: "invalid", fields: `["state"]`},
		{name: "a state of nobody's", req: request{method: "GET", path: dels + "?state=lost"}, status: 400, code: "invalid", fields: `["state"]`},
		{name: "no channel's id", req: request{method: "GET", path: dels + "?channel_id=siem"}, status: 400, code: "invalid", fields: `["channel_id"]`},
		{name: "no event's id", req: request{method: "GET", path: dels + "?event_id=1"}, status: 400, code: "invalid", fields: `["event_id"]`},
		{name: "a query that is none", req: request{method: "GET", path: dels + "?state=dead;limit=1"}, status: 400, code: "malformed"},
		{name: "dead", req: request{method: "GET", path: dels + "?state=dead"}, status: 200, want: `"state":"dead"`},
		{name: "of an event", req: request{method: "GET", path: dels + "?event_id=${partial}"}, status: 200, want: `"event_id":"${partial}"`},
		{name: "of a channel, in capitals", req: request{method: "GET", path: dels + "?channel_id=${API}"}, status: 200, want: `"channel_id":"${api}"`},
		{name: "of another tenant's event", req: request{method: "GET", path: dels + "?event_id=${globex-event}"}, status: 200, want: `{"data":[],"next_cursor":null}`},

		// Dead letters.
		{name: "replaying", req: request{method: "POST", path: dels + "/${dead}/replay"}, status: 202, want: `{"id":"${dead}","status":"accepted"}`},
		{name: "replaying again", req: request{method: "POST", path: dels + "/${dead}/replay"}, status: 202, want: `{"id":"${dead}","status":"accepted"}`},
		{name: "deleting what is replayed", req: request{method: "DELETE", path: dels + "/${dead}"}, status: 409, code: "not_dead"},
		{name: "replaying what was delivered", req: request{method: "POST", path: dels + "/${delivered}/replay"}, status: 409, code: "not_dead"},
		{name: "deleting what was delivered", req: request{method: "DELETE", path: dels + "/${delivered}"}, status: 409, code: "not_dead"},
		{name: "replaying what is open", req: request{method: "POST", path: dels + "/${open}/replay"}, status: 409, code: "not_dead"},
		{name: "deleting what is open", req: request{method: "DELETE", path: dels + "/${open}"}, status: 409, code: "not_dead"},
		{name: "replaying another tenant's", req: request{method: "POST", path: dels + "/${globex-dead}/replay"}, status: 404, code: "not_found"},
		{name: "deleting another tenant's", req: request{method: "DELETE", path: dels + "/${globex-dead}"}, status: 404, code: "not_found"},
		{name: "replaying no delivery", req: request{method: "POST", path: dels + "/${no-delivery}/replay"}, status: 404, code: "not_found"},
		{name: "deleting no delivery", req: request{method: "DELETE", path: dels + "/${no-delivery}"}, status: 404, code: "not_found"},
		{name: "replaying an event", req: request{method: "POST", path: dels + "/${partial}/replay"}, status: 404, code: "not_found"},
		{name: "deleting an event", req: request{method: "DELETE", path: dels + "/${partial}"}, status: 404, code: "not_found"},
		{name: "GET a delivery", req: request{method: "GET", path: dels + "/${dead}"}, status: 405, code: "method_not_allowed", header: map[string]string{"Allow": "DELETE"}},
		{name: "GET a replay", req: request{method: "GET", path: dels + "/${dead}/replay"}, status: 405, code: "method_not_allowed", header: map[string]string{"Allow": "POST"}},
		{name: "deleting", req: request{method: "DELETE", path: dels + "/${dead-too}"}, status: 204},
		{name: "deleting again", req: request{method: "DELETE", path: dels + "/${dead-too}"}, status: 404, code: "not_found"},
		{name: "replaying what was deleted", req: request{method: "POST", path: dels + "/${dead-too}/replay"}, status: 404, code: "not_found"},
		{name: "replaying by filter, nothing fits", req: request{method: "POST", path: dels + "/replay", body: `{"channel_id":"${nobody}"}`}, status: 202, want: `{"data":[],"next_cursor":null}`},
		{name: "of another tenant's event, replaying", req: request{method: "POST", path: dels + "/replay", body: `{"event_id":"${globex-failed}"}`}, status: 202, want: `{"data":[],"next_cursor":null}`},
		{name: "without a body", req: request{method: "POST", path: dels + "/replay"}, status: 415, code: "unsupported_media_type"},
		{name: "a filter that is a list", req: request{method: "POST", path: dels + "/replay", body: `[]`}, status: 400, code: "malformed"},
		{name: "keys of nobody's in a filter", req: request{method: "POST", path: dels + "/replay", body: `{"state":"dead","channel":"x"}`}, status: 400, code: "invalid", fields: `["channel","state"]`},
		{name: "everything wrong in a filter", req: request{method: "POST", path: dels + "/replay", body: `{"event_id":"1","channel_id":"siem","cursor":7,"limit":101}`}, status: 400, code: "invalid", fields: `["channel_id","cursor","event_id","limit"]`},
		{name: "empty texts in a filter", req: request{method: "POST", path: dels + "/replay", body: `{"event_id":"","channel_id":""}`}, status: 400, code: "invalid", fields: `["channel_id","event_id"]`},
		{name: "null in a filter", req: request{method: "POST", path: dels + "/replay", body: `{"event_id":null,"limit":null}`}, status: 400, code: "invalid", fields: `["event_id","limit"]`},
		{name: "limit 0 in a filter", req: request{method: "POST", path: dels + "/replay", body: `{"limit":0}`}, status: 400, code: "invalid", fields: `["limit"]`},
		{name: "a cursor of nobody's, replaying", req: request{method: "POST", path: dels + "/replay", body: `{"cursor":"nonsense"}`}, status: 400, code: "invalid", fields: `["cursor"]`},

		// Receipts.
		{name: "no event", req: request{method: "GET", path: "/v1/events/${no-event}"}, status: 404, code: "not_found"},
		{name: "no event id", req: request{method: "GET", path: "/v1/events/evt_1"}, status: 404, code: "not_found"},
		{name: "another tenant's event, recorded", req: request{method: "GET", path: "/v1/events/${globex-event}"}, status: 404, code: "not_found"},
		{name: "another tenant's event, queued", req: request{method: "GET", path: "/v1/events/${globex-queued}"}, status: 404, code: "not_found"},
		{name: "queued", req: request{method: "GET", path: "/v1/events/${queued}"}, status: 200, want: `"status":"accepted","deliveries":[]`},
		{name: "recorded", req: request{method: "GET", path: "/v1/events/${partial}"}, status: 200, want: `"status":"partial"`},
	}
	if len(rows) < 60 {
		t.Errorf("only %d rows", len(rows))
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			h := *h
			h.t = t
			req := row.req
			req.path, req.body, req.key, req.tenant = fill(req.path), fill(req.body), fill(req.key), fill(req.tenant)
			got := h.do(req)
			if got.status != row.status {
				t.Fatalf("status %d, want %d: %s", got.status, row.status, got.body)
			}
			if row.code != "" && field(t, got.body, "code") != row.code {
				t.Errorf("code: want %s: %s", row.code, got.body)
			}
			if row.fields != "" {
				if keys := wrongFields(t, got.body); keys != row.fields {
					t.Errorf("details name %s, want %s: %s", keys, row.fields, got.body)
				}
			}
			if want := fill(row.want); !strings.Contains(got.body, want) {
				t.Errorf("no %s in %s", want, got.body)
			}
			for k, want := range row.header {
				if v := got.header.Get(k); v != want {
					t.Errorf("%s: %q, want %q", k, v, want)
				}
			}
			if !strings.Contains(h.log.String(), got.header.Get("X-Request-Id")) {
				t.Error("the log has no line for this call")
			}
		})
	}
	if leaks(h.log.String()) {
		t.Error("the log holds a secret")
	}
}

// wrongFields is the sorted keys of details.fields as a JSON list.
func wrongFields(t *testing.T, body string) string {
	t.Helper()
	var e struct {
		Details struct {
			Fields map[string]string `json:"fields"`
		} `json:"details"`
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatal(err)
	}
	keys := make([]string, 0, len(e.Details.Fields))
	for k := range e.Details.Fields {
		keys = append(keys, k)
	}
	return sortedJSON(t, keys)
}
