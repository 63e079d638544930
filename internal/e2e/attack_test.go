package e2e

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"
)

// attack is a request that must be refused, beside its good twin: the same
// request with nothing but the attack taken out of it, which must pass. Without
// the twin a refusal proves little: all might be refused.
type attack struct {
	name   string
	source string
	good   credential
	bad    credential
	reason string // what the log says: the reason before the colon of "cause"
}

// credential puts on a request what it proves itself with. It runs when the
// request is made, so that what it says of the time is true.
type credential func(*http.Request)

// attackBody is the body of every request that does not need another.
const attackBody = `{"id":"n","name":"N","eventType":"preapproval-created","data":{"id":"attack","note":"aaaa"}}`

// assault is what was seen while a site was attacked.
type assault struct {
	*site
	client   *http.Client           // keeps its connection: a thousand requests
	accepted int                    // good twins so far
	body     string                 // of every 401, without the request's id
	headers  map[string]http.Header // of the 401s of a source, without what differs
	reasons  map[string]attack      // by request id: what the log must say
	sent     canaries               // what must not be in the log
}

// TestAttacks tries to get past every authentication of the product, over a
// socket. Whatever is tried gets the same answer, and nothing of it reaches
// Redis or the log.
func TestAttacks(t *testing.T) {
	t.Parallel()
	a := &assault{site: newSite(t), headers: map[string]http.Header{}, reasons: map[string]attack{}, sent: canaries{}}
	a.client = &http.Client{Transport: &http.Transport{Proxy: nil}, Timeout: soon}
	t.Cleanup(a.client.CloseIdleConnections)
	for _, secrets := range []map[string]string{sharedSecrets, signingSecrets} {
		for source, secret := range secrets {
			a.sent["the secret of "+source] = secret
		}
	}
	start := time.Now()
	families := []struct {
		name    string
		attacks []attack
	}{
		{"algorithm", a.algorithmAttacks()},
		{"key", a.keyAttacks()},
		{"header", a.headerAttacks()},
		{"claims", a.claimAttacks()},
		{"form", a.formAttacks()},
		{"request", a.requestAttacks()},
		{"bearer", a.bearerAttacks()},
		{"header method", a.headerSecretAttacks()},
		{"basic", a.basicAttacks()},
		{"standard-webhooks", a.webhookAttacks()},
		{"github", a.githubAttacks()},
	}
	aged := a.agedToken(t) // good now, and no longer when the others are through
	cases := 0
	for _, f := range families {
		for _, c := range f.attacks {
			cases++
			t.Run(f.name+"/"+c.name, func(t *testing.T) { a.try(t, c) })
		}
	}
	cases += a.rotate(t)
	cases++
	t.Run("claims/a token that passed before and has expired since", func(t *testing.T) { aged(t) })
	// The two sources of the URL have it fetched once, and then at most every 30 s
	// because somebody names an unknown kid.
	if n, most := a.jwks.fetches(), 2+int(time.Since(start)/(30*time.Second)); n > most {
		t.Errorf("the key set was fetched %d times, want at most %d", n, most)
	}
	if n := a.trap.connections(); n != 0 {
		t.Errorf("%d connections to where the tokens' headers point", n)
	}
	a.checkEnd(t)
	verdict := "all refused, each with its good twin let through"
	if t.Failed() {
		verdict = "not all as they should be"
	}
	t.Logf("%d attacks, %s, in %v", cases, verdict, time.Since(start).Round(time.Millisecond))
}

// try sends the twin and the attack.
func (a *assault) try(t *testing.T, c attack) {
	t.Helper()
	if !a.pass(t, c.source, c.good) {
		t.Error("the good twin is refused: the attack would prove nothing")
	}
	a.refused(t, c)
}

// pass sends a request that must be accepted.
func (a *assault) pass(t *testing.T, source string, with credential) bool {
	t.Helper()
	got := a.send(t, source, with)
	if got.status != http.StatusOK || got.eventID() == "" {
		t.Errorf("status %d, %s; want 200", got.status, got.body)
		return false
	}
	a.accepted++
	a.checkQueue(t)
	return true
}

// refused sends an attack.
func (a *assault) refused(t *testing.T, c attack) {
	t.Helper()
	got := a.send(t, c.source, c.bad)
	a.checkQueue(t)
	if got.status != http.StatusUnauthorized {
		t.Errorf("status %d, %s; want 401", got.status, got.body)
		return
	}
	a.reasons[got.header.Get("X-Request-Id")] = c
	checkProblem(t, hookTest{name: c.name, status: http.StatusUnauthorized, code: "unauthenticated"}, got)
	if text := anonymous(t, got); a.body == "" {
		a.body = text
	} else if a.body != text {
		t.Errorf("the answer tells what failed: %s instead of %s", text, a.body)
	}
	header := got.header.Clone()
	for _, name := range []string{"Date", "X-Request-Id"} {
		header.Del(name)
	}
	if want, ok := a.headers[c.source]; !ok {
		a.headers[c.source] = header
	} else if !maps.EqualFunc(want, header, func(a, b []string) bool { return strings.Join(a, "\n") == strings.Join(b, "\n") }) {
		t.Errorf("the answer's header tells what failed: %v instead of %v", header, want)
	}
	if challenges := got.header.Values("WWW-Authenticate"); len(challenges) != 1 || challenges[0] == "" {
		t.Errorf("challenges %q", challenges)
	}
}

// send makes a request, puts the credential on it and remembers what it was.
func (a *assault) send(t *testing.T, source string, with credential) reply {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, a.hooks+source, strings.NewReader(attackBody))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	with(req)
	for name, values := range req.Header {
		for _, v := range values {
			a.remember(name, v)
		}
	}
	resp, err := a.client.Do(req)
	if err != nil {
		t.Fatalf("no answer: %v", err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("reading the answer: %v", err)
	}
	return reply{resp.StatusCode, resp.Header, text}
}

// remember notes the parts of a header that are a credential. Parts that are
// too short to be one occur everywhere.
func (a *assault) remember(name, value string) {
	if name == "Content-Type" || name == "Webhook-Id" || name == "Webhook-Timestamp" {
		return
	}
	for _, part := range strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(` .,="`, r) }) {
		if len(part) >= 12 {
			a.sent[fmt.Sprintf("%s of request %d", name, len(a.sent))] = part
		}
	}
}

// checkQueue holds the tasks in Redis against what was accepted.
func (a *assault) checkQueue(t *testing.T) {
	t.Helper()
	n, err := a.relay.redis.Client().LLen(t.Context(), pending).Result()
	if err != nil {
		t.Fatalf("counting events: %v", err)
	}
	if int(n) != a.accepted {
		t.Errorf("Redis has %d events, want those of the %d requests that were accepted", n, a.accepted)
		a.accepted = int(n) // say it once
	}
}

// checkEnd looks at what is there when all is over: the metrics, all that is in
// Redis, and the log.
func (a *assault) checkEnd(t *testing.T) {
	t.Helper()
	counted := map[string]float64{}
	for s, v := range a.relay.ingest.scrape() {
		for _, outcome := range ingestOutcomes {
			if strings.HasPrefix(s, "accessrelay_ingest_requests_total{") && strings.Contains(s, `outcome="`+outcome+`"`) {
				counted[outcome] += v
			}
		}
	}
	for _, outcome := range ingestOutcomes {
		want := map[string]int{"accepted": a.accepted, "unauthenticated": len(a.reasons)}[outcome]
		if counted[outcome] != float64(want) {
			t.Errorf("%v requests are counted as %s, want %d", counted[outcome], outcome, want)
		}
	}
	tasks, err := a.relay.redis.Client().Keys(t.Context(), "asynq:{events}:t:*").Result()
	if err != nil || len(tasks) != a.accepted {
		t.Errorf("Redis has %d tasks (%v), want %d", len(tasks), err, a.accepted)
	}

	a.relay.ingest.stop() // and all of its log is there
	for _, rec := range a.relay.ingest.logged("hook refused") {
		c, ok := a.reasons[rec.text("request_id")]
		delete(a.reasons, rec.text("request_id"))
		if reason, _, _ := strings.Cut(rec.text("cause"), ":"); !ok || reason != c.reason || rec.text("source") != c.source {
			t.Errorf("%s: the log says %v, want reason %s", c.name, rec, c.reason)
		}
	}
	for id, c := range a.reasons {
		t.Errorf("%s: the log does not say why %s was refused", c.name, id)
	}
	log := strings.Join(a.relay.ingest.output(), "\n")
	a.sent.find(t, "the log", log)
}
