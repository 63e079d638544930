package slack

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/channel"
	config "accessrelay/internal/channel/slack"
	"accessrelay/internal/safenet"
	"accessrelay/internal/transport"
	"accessrelay/internal/transport/transporttest"
)

func parse(t *testing.T, address string) channel.Config {
	t.Helper()
	c, err := read(address)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func read(address string) (channel.Config, error) { return readWith(address, "") }

// readWith is read with a text_template; "" is none.
func readWith(address, template string) (channel.Config, error) {
	o := map[string]string{"url": address}
	if template != "" {
		o["text_template"] = template
	}
	raw, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	return config.Kind{}.Parse(raw)
}

// everything is a text_template with each of the event's facts.
const everything = "*{{summary}}* {{type}} {{id}}\n{{request.id}} {{request.display_id}} {{request.reason}} {{request.url}}\n" +
	"{{requester.name}} {{requester.email}} {{grantee.name}} {{grantee.email}}\n" +
	"{{#each access}}{{integration.name}} {{resource.name}} {{resource.path}} {{permission.name}} {{permission.description}}\n{{/each}}" +
	"{{#each approvals}}{{status}} {{approver.name}} {{comment}}\n{{/each}}{{error.message}}"

func TestConformance(t *testing.T) {
	const path = "canary-in-the-path"
	for name, template := range map[string]string{"own text": "", "template": everything} {
		t.Run(name, func(t *testing.T) {
			transporttest.Run(t, transporttest.Case{
				Protocol: transporttest.HTTP(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }),
				New:      func(n transporttest.Network) transport.Transport { return New(n.Clients()) },
				Config: func(p transporttest.Place) (channel.Config, error) {
					return readWith(p.URL()+"/services/"+path, template)
				},
				Secrets: []string{path},
				Cut:     []string{"…"},
				Chosen:  template != "",
			})
		})
	}
}

func TestAnswers(t *testing.T) {
	tests := []struct {
		status int
		body   string
		reason transport.Reason // "" is delivered
		class  transport.Class
		text   string
	}{
		{200, "ok", "", 0, ""},
		{200, "ok\n", "", 0, ""},
		{200, "", "", 0, ""},
		{201, "ok", "", 0, ""},
		{204, "", "", 0, ""},
		{200, "<html>canary</html>", transport.ReasonBadResponse, transport.Retry, "not Slack's ok"},
		{200, "okay", transport.ReasonBadResponse, transport.Retry, "not Slack's ok"},
		{200, strings.Repeat("ok", 10_000), transport.ReasonBadResponse, transport.Retry, "not Slack's ok"},
		{400, "invalid_payload", transport.ReasonClientError, transport.Dead, "400 Bad Request (invalid_payload)"},
		{400, "invalid_payload\n", transport.ReasonClientError, transport.Dead, "(invalid_payload)"},
		{400, "canary", transport.ReasonClientError, transport.Dead, "answered 400 Bad Request"},
		{400, "invalid_payload canary", transport.ReasonClientError, transport.Dead, "answered 400 Bad Request"},
		{403, "action_prohibited", transport.ReasonClientError, transport.Dead, "(action_prohibited)"},
		{404, "no_service", transport.ReasonClientError, transport.Dead, "(no_service)"},
		{410, "channel_is_archived", transport.ReasonGone, transport.Gone, "(channel_is_archived)"},
		{500, "rollup_error", transport.ReasonServerError, transport.Retry, "(rollup_error)"},
	}
	for _, tt := range tests {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(tt.status)
			_, _ = io.WriteString(w, tt.body)
		}))
		t.Cleanup(srv.Close)
		err := send(t, srv.URL)
		if tt.reason == "" {
			if err != nil {
				t.Errorf("%d %q: %v", tt.status, tt.body, err)
			}
			continue
		}
		se := transport.AsSendError(err)
		if se.Reason != tt.reason || se.Class != tt.class || !strings.Contains(se.Error(), tt.text) || strings.Contains(se.Error(), "canary") {
			t.Errorf("%d %.40q: %+v %v", tt.status, tt.body, se, se)
		}
	}
}

func send(t *testing.T, address string) error {
	t.Helper()
	client := safenet.NewClient(safenet.Policy{Operator: true}, safenet.Options{})
	t.Cleanup(client.CloseIdleConnections)
	ch := &channel.Channel{ManagedBy: channel.ManagedByFile, Config: parse(t, address)}
	return transporttest.Send(t.Context(), New(transport.Clients{Operator: client}), ch, transporttest.Event(), time.Now())
}

// Slack's word is in the body: cut off, nothing is confirmed.
func TestBodyCut(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "2")
		_, _ = io.WriteString(w, "o")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(srv.Close)
	se := transport.AsSendError(send(t, srv.URL))
	if se.Reason != transport.ReasonConnection || se.Class != transport.Retry {
		t.Errorf("%+v", se)
	}
}
