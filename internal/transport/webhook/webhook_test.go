package webhook

import (
	"encoding/base64"
	"encoding/json"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"

	"accessrelay/internal/channel"
	config "accessrelay/internal/channel/webhook"
	"accessrelay/internal/event"
	"accessrelay/internal/safenet"
	"accessrelay/internal/transport"
	"accessrelay/internal/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var update = flag.Bool("update", false, "write the golden anew")

const whsec = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func parse(t *testing.T, c map[string]any) channel.Config {
	t.Helper()
	out, err := read(c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func read(c map[string]any) (channel.Config, error) {
	raw, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	return config.Kind{}.Parse(raw)
}

func TestConformance(t *testing.T) {
	for name, template := range map[string]string{
		"own body": "",
		"template": `{"id":{{json id}},"text":"{{type}}: {{request.reason}} {{requester.name}}","access":[{{#each access}}{{#unless @first}},{{/unless}}{{json this}}{{/each}}],"all":{{json this}}}`,
	} {
		t.Run(name, func(t *testing.T) { conformance(t, template) })
	}
}

func conformance(t *testing.T, template string) {
	t.Helper()
	const path, header = "canary-in-the-path", "canary-in-a-header"
	transporttest.Run(t, transporttest.Case{
		Protocol: transporttest.HTTP(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }),
		New:      func(n transporttest.Network) transport.Transport { return New(n.Clients()) },
		Config: func(p transporttest.Place) (channel.Config, error) {
			c := map[string]any{
				"url":            p.URL() + "/" + path + "?token=" + path,
				"headers":        map[string]string{"Authorization": "Bearer " + header},
				"signing_secret": whsec,
			}
			if template != "" {
				c["body_template"] = template
			}
			return read(c)
		},
		Secrets: []string{path, header, whsec, strings.TrimPrefix(whsec, "whsec_")},
		Varies:  []string{"Webhook-Timestamp", "Webhook-Signature"},
	})
}

// The known answer of the Standard Webhooks documentation.
func TestSignKnownAnswer(t *testing.T) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(whsec, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	got := sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("sign = %s, want %s", got, want)
	}
}

// delivery sends ev to a server of its own and returns what arrived.
func delivery(t *testing.T, c map[string]any, ev *event.Event, now time.Time) (http.Header, []byte) {
	t.Helper()
	sink := transporttest.NewSink(t, func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) })
	srv := httptest.NewServer(sink)
	t.Cleanup(srv.Close)
	client := safenet.NewClient(safenet.Policy{Operator: true}, safenet.Options{})
	t.Cleanup(client.CloseIdleConnections)
	c["url"] = srv.URL
	ch := &channel.Channel{ManagedBy: channel.ManagedByFile, Type: config.Type, Config: parse(t, c)}
	if err := transporttest.Send(t.Context(), New(transport.Clients{Operator: client}), ch, ev, now); err != nil {
		t.Fatal(err)
	}
	got := sink.Requests()
	if len(got) != 1 {
		t.Fatalf("%d requests arrived", len(got))
	}
	return got[0].Header, got[0].Body
}

func TestIndependentLibraryAccepts(t *testing.T) {
	verifier, err := standardwebhooks.NewWebhook(whsec)
	if err != nil {
		t.Fatal(err)
	}
	ev := transporttest.Event()
	header, body := delivery(t, map[string]any{"signing_secret": whsec}, ev, time.Now())
	if err := verifier.Verify(body, header); err != nil {
		t.Errorf("the library refuses the delivery: %v", err)
	}
	if err := verifier.Verify(append(body, ' '), header); err == nil {
		t.Error("the library accepts a changed body")
	}
	if got := header.Get("Webhook-Id"); got != ev.ID {
		t.Errorf("webhook-id = %q", got)
	}
}

func TestRequest(t *testing.T) {
	now := time.Date(2026, 1, 15, 9, 31, 7, 999, time.UTC)
	ev := transporttest.Event()
	header, body := delivery(t, map[string]any{"headers": map[string]string{"x-env": "prod", "User-Agent": "mine/1"}}, ev, now)
	for name, want := range map[string]string{
		"Content-Type": "application/json", "Webhook-Id": ev.ID, "Webhook-Timestamp": "1768469467",
		"X-Env": "prod", "User-Agent": "mine/1", "Webhook-Signature": "",
	} {
		if got := header.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	const golden = "testdata/body.json"
	if *update {
		if err := os.WriteFile(golden, append(body, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if string(body) != strings.TrimSpace(string(want)) {
		t.Errorf("body %s\nwant %s", body, want)
	}

	header, _ = delivery(t, map[string]any{}, ev, now)
	if got := header.Get("User-Agent"); !strings.HasPrefix(got, "accessrelay/") {
		t.Errorf("User-Agent = %q", got)
	}
}

func TestUnrenderable(t *testing.T) {
	ev := transporttest.Event()
	ev.Raw = json.RawMessage(`{"canary":`)
	ch := &channel.Channel{Config: parse(t, map[string]any{"url": "https://a.example/"})}
	se := transport.AsSendError(transporttest.Send(t.Context(), New(transport.Clients{}), ch, ev, time.Now()))
	if se.Reason != transport.ReasonRender || se.Class != transport.Dead || !se.NoAttempt || strings.Contains(se.Error(), "canary") {
		t.Errorf("%+v", se)
	}
}

// A 2xx is the word of the destination; what follows it does not take it back.
func TestBodyCutAfterSuccess(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("part"))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}))
	t.Cleanup(srv.Close)
	client := safenet.NewClient(safenet.Policy{Operator: true}, safenet.Options{})
	t.Cleanup(client.CloseIdleConnections)
	ch := &channel.Channel{ManagedBy: channel.ManagedByFile, Config: parse(t, map[string]any{"url": srv.URL})}
	if err := transporttest.Send(t.Context(), New(transport.Clients{Operator: client}), ch, transporttest.Event(), time.Now()); err != nil {
		t.Errorf("a confirmed delivery is an error: %v", err)
	}
}
