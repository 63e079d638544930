package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const channelsPath = "/v1/notification-channels"

// sealing makes a key pair with relayctl, as an operator does, and returns what
// ingest and what workers are started with.
func sealing(t *testing.T, dir string) (recipient, identityFile string) {
	t.Helper()
	identityFile = filepath.Join(dir, "identity.txt")
	got := runProgram(t, "relayctl", nil, "keygen", "secrets", "--out", identityFile)
	recipient = strings.TrimSpace(got.stdout)
	if got.code != 0 || !strings.HasPrefix(recipient, "age1") {
		t.Fatalf("relayctl keygen secrets: code %d, %q, %s", got.code, got.stdout, got.stderr)
	}
	info, err := os.Stat(identityFile)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the identity file has mode %v", info.Mode())
	}
	return recipient, identityFile
}

// startSealed starts the pair with the settings that channels of the API need.
func (r *relay) startSealed() {
	r.t.Helper()
	recipient, identity := sealing(r.t, r.dir)
	r.writeFile()
	r.startIngest("ACCESSRELAY_SECRETS_RECIPIENTS=" + recipient)
	r.startWorker("--secrets-identity-file=" + identity)
}

// create makes a channel through the API.
func (r *relay) create(slug string, fields map[string]any) channelView {
	r.t.Helper()
	return decode[channelView](r.t, r.call(http.MethodPost, channelsPath+"/"+slug, toJSON(r.t, fields)), http.StatusCreated)
}

// update changes a channel through the API.
func (r *relay) update(id string, fields map[string]any) channelView {
	r.t.Helper()
	return decode[channelView](r.t, r.call(http.MethodPut, channelsPath+"/"+id, toJSON(r.t, fields)), http.StatusOK)
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatalf("encoding: %v", err)
	}
	return string(b)
}

// wantProblem reports an answer that is not this refusal.
func wantProblem(t *testing.T, what string, got reply, status int, code, message string) {
	t.Helper()
	var p problem
	err := json.Unmarshal(got.body, &p)
	if err != nil || got.status != status || p.Code != code || !strings.Contains(p.Message, message) {
		t.Errorf("%s: status %d, %s; want %d %s and %q", what, got.status, got.body, status, code, message)
	}
}

const admitLoopback = "  backoff: [1s, 1s, 1s]\n  allow_networks: [127.0.0.0/8]\n"

// TestChannelLife takes a channel of the API from its creation to its end. A
// change is in force for the next event.
func TestChannelLife(t *testing.T) {
	t.Parallel()
	first, second, file := newSink(t), newSink(t), newSink(t)
	r := newRelay(t, channelConf{name: "of-the-file", kind: "generic-webhook", config: map[string]any{"url": file.url}, filters: []string{"grant.*"}})
	r.delivery = admitLoopback
	r.startSealed()
	n := 0
	send := func() receipt { // an event, and what became of it
		t.Helper()
		n++
		return r.settle(r.send(preapproval(fmt.Sprint(n))), soon)
	}
	if got := send(); got.Status != "unrouted" {
		t.Errorf("before there is a channel: %+v", got)
	}

	ch := r.create("generic-webhook", map[string]any{
		"name": "hook", "url": first.url, "headers": map[string]string{"X-Env": "canary-header"}, "signing_secret": signingSecret,
	})
	if ch.ChannelType != "generic_webhook" || ch.ManagedBy != "api" || !ch.Enabled || strings.Contains(string(ch.Config), "canary") ||
		strings.Contains(string(ch.Config), "/hook") || strings.Contains(string(ch.Config), "whsec_") {
		t.Errorf("created: %+v, config %s", ch, ch.Config)
	}
	got := send()
	if d := got.to(t, "hook"); got.Status != "delivered" || d.ChannelID != ch.ID || d.ChannelType != "generic_webhook" {
		t.Errorf("after the creation: %+v", got)
	}
	sent := first.await(t, 1)[0]
	verifier, err := standardwebhooks.NewWebhook(signingSecret)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify(sent.body, sent.header); err != nil || sent.header.Get("X-Env") != "canary-header" {
		t.Errorf("the first delivery: %v, header %v", err, sent.header)
	}

	// The config is replaced whole; what is not named stays.
	r.update(ch.ID, map[string]any{"config": map[string]any{"url": second.url}})
	if got := send(); got.Status != "delivered" || len(first.all()) != 1 || len(second.all()) != 1 {
		t.Errorf("after the change of address: %d and %d requests, %+v", len(first.all()), len(second.all()), got)
	}
	if h := second.all()[0].header; h.Get("X-Env") != "" || h.Get("Webhook-Signature") != "" {
		t.Errorf("after a config without them: %v", h)
	}
	r.update(ch.ID, map[string]any{"event_filters": []string{"grant.*"}})
	if got := send(); got.Status != "unrouted" {
		t.Errorf("with filters that the event does not match: %+v", got)
	}
	r.update(ch.ID, map[string]any{"event_filters": []string{}, "name": "hook again"})
	if got := send(); got.Status != "delivered" || got.Deliveries[0].ChannelName != "hook again" {
		t.Errorf("with filters for all and another name: %+v", got)
	}

	// Disabled by a person: nothing but a test arrives, and the test enables nothing.
	if ch := r.update(ch.ID, map[string]any{"enabled": false}); ch.Enabled {
		t.Errorf("disabled: %+v", ch)
	}
	if got := send(); got.Status != "unrouted" {
		t.Errorf("disabled: %+v", got)
	}
	if test := r.settle(r.test(ch.ID), soon); test.Status != "delivered" || test.Type != "test" || len(test.Deliveries) != 1 {
		t.Errorf("the test of a disabled channel: %+v", test)
	}
	if r.channel("hook again").Enabled {
		t.Error("a test has enabled what a person disabled")
	}
	r.update(ch.ID, map[string]any{"enabled": true})
	if got := send(); got.Status != "delivered" {
		t.Errorf("enabled again: %+v", got)
	}
	if len(file.all()) != 0 {
		t.Error("a channel got what its filters do not match")
	}
	checkRefusals(t, r, ch)
}

// test asks for a test event and returns its id.
func (r *relay) test(channelID string) string {
	r.t.Helper()
	a := r.call(http.MethodPost, channelsPath+"/"+channelID+"/test", "")
	if a.status != http.StatusAccepted || a.eventID() == "" {
		r.t.Fatalf("test: status %d, %s", a.status, a.body)
	}
	return a.eventID()
}

// checkRefusals: what the API does not let pass. ch is named "hook again".
func checkRefusals(t *testing.T, r *relay, ch channelView) {
	t.Helper()
	file := r.channel("of-the-file")
	url := map[string]any{"name": "hook again", "url": "https://example.com/x"}
	wantProblem(t, "a second channel of one name", r.call("POST", channelsPath+"/generic-webhook", toJSON(t, url)), 409, "name_taken", "")
	url["name"] = "of-the-file"
	wantProblem(t, "the name of a file's channel", r.call("POST", channelsPath+"/generic-webhook", toJSON(t, url)), 409, "name_taken", "")
	wantProblem(t, "writing to the file's", r.call("PUT", channelsPath+"/"+file.ID, `{"enabled":false}`), 409, "managed_by_file", "")
	wantProblem(t, "deleting the file's", r.call("DELETE", channelsPath+"/"+file.ID, ""), 409, "managed_by_file", "")
	masked := map[string]any{"config": ch.Config}
	wantProblem(t, "sending the mask back", r.call("PUT", channelsPath+"/"+ch.ID, toJSON(t, masked)), 400, "invalid", "url")

	for _, tt := range []struct {
		name, key, tenant string
		status            int
		code              string
	}{
		{"no key", "", tenant, 401, "unauthenticated"},
		{"an unknown key", "ark_unknown", tenant, 401, "unauthenticated"},
		{"another tenant", theAPIKey, "00000000-0000-4000-8000-000000000000", 403, "tenant_mismatch"},
	} {
		req, err := http.NewRequest(http.MethodGet, r.ingest.listener("api")+channelsPath, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-API-Key", tt.key)
		req.Header.Set("X-Tenant-ID", tt.tenant)
		got, err := do(req)
		if err != nil {
			t.Fatal(err)
		}
		wantProblem(t, tt.name, got, tt.status, tt.code, "")
	}
}

// TestChannelEnds: deliveries that wait when their channel is deleted or
// disabled end dead, and say why.
func TestChannelEnds(t *testing.T) {
	t.Parallel()
	busy := answer{status: 503, header: map[string]string{"Retry-After": "3"}}
	deleted, disabled := newSink(t, busy), newSink(t, busy)
	r := newRelay(t)
	r.delivery = admitLoopback
	r.startSealed()
	a := r.create("generic-webhook", map[string]any{"name": "deleted", "config": map[string]any{"url": deleted.url}})
	b := r.create("slack-webhook", map[string]any{"name": "disabled", "webhook_url": disabled.url})
	if b.ChannelType != "slack_webhook" || !strings.Contains(string(b.Config), `"url"`) || strings.Contains(string(b.Config), "/hook") {
		t.Errorf("created: %+v, config %s", b, b.Config)
	}
	id := r.send(preapproval("a"))
	eventually(t, soon, "both deliveries wait", func() bool {
		got := r.receipt(id)
		return len(got.Deliveries) == 2 && got.Deliveries[0].State == "throttled" && got.Deliveries[1].State == "throttled"
	})
	if got := r.call(http.MethodDelete, channelsPath+"/"+a.ID, ""); got.status != http.StatusNoContent || len(got.body) != 0 {
		t.Errorf("deleting: status %d, %s", got.status, got.body)
	}
	r.update(b.ID, map[string]any{"enabled": false})
	if got := r.call(http.MethodGet, channelsPath+"/"+a.ID, ""); got.status != http.StatusNotFound {
		t.Errorf("after the deletion: status %d", got.status)
	}
	got := r.settle(id, soon)
	r.idle()
	for name, reason := range map[string]string{"deleted": "channel_deleted", "disabled": "channel_disabled"} {
		d := got.to(t, name)
		if d.State != "dead" || d.Attempts != 1 || d.RetriesUsed != 0 || !strings.Contains(d.LastError, reason) {
			t.Errorf("%s: %+v, want %s", name, d, reason)
		}
		r.worker.scrape().want(t, 1, "accessrelay_delivery_failures_total", "channel_type", d.ChannelType, "reason", reason)
	}
	if n, m := len(deleted.all()), len(disabled.all()); n != 1 || m != 1 {
		t.Errorf("%d and %d requests, want 1 and 1", n, m)
	}
}

// TestPrivateAddresses: a channel of the API reaches no private address that
// the operator has not admitted.
func TestPrivateAddresses(t *testing.T) {
	t.Parallel()
	private := newSink(t)
	r := newRelay(t)
	r.startSealed()
	refused := r.call(http.MethodPost, channelsPath+"/generic-webhook", toJSON(t, map[string]any{"name": "private", "url": private.url}))
	wantProblem(t, "plain http where no network is admitted", refused, 400, "invalid", "allow_networks")
	const elsewhere = "  allow_networks: [10.255.0.0/16]\n"
	r.delivery = elsewhere
	r.writeFile()
	reload(t, r, "config reloaded", 1)
	r.create("generic-webhook", map[string]any{"name": "private", "url": private.url})
	got := r.settle(r.send(preapproval("a")), retries)
	if d := got.to(t, "private"); d.State != "dead" || !strings.Contains(d.LastError, "address_blocked") {
		t.Errorf("%+v", d)
	}
	if n := len(private.all()); n != 0 {
		t.Errorf("a private address got %d requests", n)
	}

	// A reload opens the network, and another shuts it: also for the connection
	// that was opened in between.
	r.delivery = admitLoopback
	r.writeFile()
	reload(t, r, "config reloaded", 2)
	got = r.settle(r.send(preapproval("b")), retries)
	if d := got.to(t, "private"); d.State != "delivered" {
		t.Errorf("admitted: %+v", d)
	}
	r.delivery = elsewhere
	r.writeFile()
	reload(t, r, "config reloaded", 3)
	got = r.settle(r.send(preapproval("c")), retries)
	if d := got.to(t, "private"); d.State != "dead" || !strings.Contains(d.LastError, "address_blocked") {
		t.Errorf("shut again: %+v", d)
	}
}

// TestWithoutSealing: without recipients the API stores no channel and says
// which setting is missing; what needs no sealing works.
func TestWithoutSealing(t *testing.T) {
	t.Parallel()
	hook := newSink(t)
	r := newRelay(t, webhookTo("of-the-file", hook))
	r.start()
	got := r.call(http.MethodPost, channelsPath+"/generic-webhook", `{"name":"x","url":"https://example.com/x"}`)
	wantProblem(t, "storing without recipients", got, 503, "secrets_not_configured", "SECRETS_RECIPIENTS")
	if all := decode[list[channelView]](t, r.call(http.MethodGet, channelsPath, ""), http.StatusOK); len(all.Data) != 1 || all.Data[0].ManagedBy != "file" {
		t.Errorf("channels %+v", all)
	}
	id := r.channel("of-the-file").ID
	if got := r.settle(r.test(id), soon); got.Status != "delivered" {
		t.Errorf("test: %+v", got)
	}
	// A file's channel keeps its id over restarts.
	r.ingest.stop()
	r.startIngest()
	if again := r.channel("of-the-file").ID; again != id {
		t.Errorf("the channel's id was %s and is %s", id, again)
	}
}
