package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// topicAt is an aws-sns channel for a topic of f, reached through url.
func (f *fauxAWS) topicAt(name, topic, url string) channelConf {
	return channelConf{name: name, kind: "aws-sns", config: map[string]any{
		"topic_arn": topic, "endpoint": url, "access_key_id": "test", "secret_access_key": "test",
	}}
}

const grantGiven = `{"type":"grant.active","data":{"request":{"id":"r1","reason":"On call"},"requester":{"name":"Zoë"}}}`

// TestSNS publishes to topics of a server that is not ours, and looks at what its
// subscribers get.
func TestSNS(t *testing.T) {
	t.Parallel()
	f := newFauxAWS(t)
	plain, fifo := f.topic("access"), f.topic("access.fifo")
	raw := map[string]string{"RawMessageDelivery": "true"}
	everything := f.subscribe(plain, "everything", raw)
	wrapped := f.subscribe(plain, "wrapped", nil)
	grants := f.subscribe(plain, "grants", map[string]string{
		"RawMessageDelivery": "true", "FilterPolicy": `{"type":[{"prefix":"grant."}]}`,
	})
	ordered := f.subscribe(fifo, "ordered.fifo", raw)
	grouped := f.topicAt("grouped", f.topic("grouped.fifo"), f.url)
	grouped.config["message_group_id"] = "access/1"
	chosen := f.subscribe(grouped.config["topic_arn"].(string), "chosen.fifo", raw)

	r := newRelay(t, f.topicAt("plain", plain, f.url), f.topicAt("ordered", fifo, f.url), grouped)
	r.start()
	ids := []string{r.send(preapproval("a"))}
	if got := r.settle(ids[0], retries); got.Status != "delivered" {
		t.Fatalf("%+v", got)
	}
	ids = append(ids, r.publish("", grantGiven))
	got := r.settle(ids[1], retries)
	if d := got.to(t, "plain"); got.Status != "delivered" || d.ChannelType != "aws_sns" || d.Attempts != 1 {
		t.Fatalf("%+v", got)
	}

	t.Run("everything", func(t *testing.T) {
		for i, m := range f.arrived(everything, 2) {
			p := readSNS(t, aws.ToString(m.Body))
			want := map[string]string{
				"type": []string{"preapproval.created", "grant.active"}[i], "platform": []string{"p0", "api"}[i],
				"source": []string{theSource, "api"}[i], "tenant_id": tenant,
			}
			if attributes := queueAttributes(m); !equal(attributes, want) {
				t.Errorf("attributes %v, want %v", attributes, want)
			}
			if ev := p.event(t); ev.ID != ids[i] || ev.Type != want["type"] || p.Type != want["type"] || len(ev.Raw) == 0 || p.Trimmed != nil {
				t.Errorf("message %s", aws.ToString(m.Body))
			}
		}
		f.empty(everything)
	})
	t.Run("wrapped", func(t *testing.T) {
		for i, m := range f.arrived(wrapped, 2) {
			var n struct {
				Subject, Message, TopicArn string
				MessageAttributes          map[string]struct{ Type, Value string }
			}
			if err := json.Unmarshal([]byte(aws.ToString(m.Body)), &n); err != nil {
				t.Fatal(err)
			}
			if n.Subject == "" || n.TopicArn != plain || n.MessageAttributes["tenant_id"].Value != tenant ||
				readSNS(t, n.Message).event(t).ID != ids[i] {
				t.Errorf("notification %s", aws.ToString(m.Body))
			}
		}
	})
	t.Run("only what the filter policy lets through", func(t *testing.T) {
		if ev := readSNS(t, aws.ToString(f.arrived(grants, 1)[0].Body)).event(t); ev.ID != ids[1] || ev.Type != "grant.active" {
			t.Errorf("%+v", ev)
		}
		f.empty(grants)
	})
	t.Run("FIFO", func(t *testing.T) {
		for i, m := range f.arrived(ordered, 2) {
			if ev := readSNS(t, aws.ToString(m.Body)).event(t); ev.ID != ids[i] || m.Attributes["MessageDeduplicationId"] != ids[i] ||
				m.Attributes["MessageGroupId"] != []string{theSource, "api"}[i] {
				t.Errorf("message %d: %v of %s", i, m.Attributes, aws.ToString(m.Body))
			}
		}
		for _, m := range f.arrived(chosen, 2) {
			if m.Attributes["MessageGroupId"] != "access/1" {
				t.Errorf("group %s", m.Attributes["MessageGroupId"])
			}
		}
	})
	t.Run("an event that is too large", func(t *testing.T) {
		// 200 kB of reason, told again in raw; then two reasons' worth in one.
		for reason, want := range map[string]string{strings.Repeat("why ", 50_000): "raw", strings.Repeat("why ", 100_000): "raw,texts"} {
			id := r.publish("", `{"type":"request.pending","data":{"request":{"id":"r2","reason":"`+reason+`"}}}`)
			if got := r.settle(id, retries); got.Status != "delivered" {
				t.Fatalf("%+v", got)
			}
			m := f.arrived(everything, 1)[0]
			p := readSNS(t, aws.ToString(m.Body))
			ev := p.event(t)
			if ev.ID != id || ev.Raw != nil || !strings.HasPrefix(ev.Request.Reason, "why why ") ||
				strings.Join(p.Trimmed, ",") != want || queueAttributes(m)["trimmed"] != want {
				t.Errorf("%d bytes arrived, trimmed %v and %v, want %s", len(aws.ToString(m.Body)), p.Trimmed, queueAttributes(m), want)
			}
		}
	})
}

func queueAttributes(m sqstypes.Message) map[string]string {
	out := map[string]string{}
	for name, value := range m.MessageAttributes {
		out[name] = aws.ToString(value.StringValue)
	}
	return out
}

func equal(a, b map[string]string) bool { return toText(a) == toText(b) }

func toText(m map[string]string) string { b, _ := json.Marshal(m); return string(b) }

// TestSNSThrottles: who publishes too fast waits without using up a retry; a
// topic that is not there is no use waiting for.
func TestSNSThrottles(t *testing.T) {
	t.Parallel()
	f := newFauxAWS(t)
	topic := f.topic("access")
	queue := f.subscribe(topic, "everything", map[string]string{"RawMessageDelivery": "true"})
	busy := throttling(t, f.url, 2)
	r := newRelay(t, f.topicAt("busy", topic, busy), f.topicAt("nowhere", strings.Replace(topic, ":access", ":gone", 1), f.url))
	r.start()
	id := r.send(preapproval("a"))
	got := r.settle(id, retries)
	if d := got.to(t, "busy"); d.State != "delivered" || d.Attempts != 3 || d.RetriesUsed != 0 {
		t.Errorf("%+v", d)
	}
	if d := got.to(t, "nowhere"); d.State != "dead" || d.Attempts != 1 || !strings.Contains(d.LastError, "NotFound") || strings.Contains(d.LastError, "arn:") {
		t.Errorf("%+v", d)
	}
	if ev := readSNS(t, aws.ToString(f.arrived(queue, 1)[0].Body)).event(t); ev.ID != id {
		t.Errorf("%+v", ev)
	}
	f.empty(queue)
}

// throttling is f with a limit: the first n requests are too many.
func throttling(t *testing.T, to string, n int) (address string) {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	way := &http.Transport{}
	forward.Transport = way
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		mu.Lock()
		n--
		tooMany := n >= 0
		mu.Unlock()
		if !tooMany {
			forward.ServeHTTP(w, req)
			return
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type>`+
			`<Code>Throttling</Code><Message>Rate exceeded</Message></Error><RequestId>1</RequestId></ErrorResponse>`)
	}))
	t.Cleanup(func() { server.Close(); way.CloseIdleConnections() })
	return server.URL
}

// TestAWSDefaultChain: a tenant's channel gets the worker's own credentials only
// for a topic that the operator lists, at the moment of sending too. Nothing here
// can reach AWS: a proxy tells who was asked for.
func TestAWSDefaultChain(t *testing.T) {
	t.Parallel()
	const (
		topic  = "arn:aws:sns:eu-north-1:123456789012:access-events"
		host   = "sns.eu-north-1.amazonaws.com:443"
		listed = "  backoff: [1s]\n  max_retries: 1\n  aws_default_credentials_for: ['arn:aws:sns:eu-*:123456789012:access-*']\n"
	)
	proxy := newDeafProxy(t)
	r := newRelay(t)
	recipient, identity := sealing(t, r.dir)
	r.writeFile()
	r.startIngest("ACCESSRELAY_SECRETS_RECIPIENTS=" + recipient)
	// The address and the proxy of the environment must not be asked.
	r.startWorker("--secrets-identity-file="+identity, "--proxy-url="+proxy.url,
		"AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY=canary-of-the-worker", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_REGION=us-west-2", "AWS_ENDPOINT_URL=http://127.0.0.1:9/", "HTTPS_PROXY=http://127.0.0.1:9/")

	body := toJSON(t, map[string]any{"name": "ops-sns-topic", "topic_arn": topic})
	refused := r.call(http.MethodPost, channelsPath+"/aws-sns", body)
	wantProblem(t, "a topic that is not listed", refused, 400, "invalid", "topic_arn")
	if !strings.Contains(string(refused.body), "delivery.aws_default_credentials_for") {
		t.Errorf("the answer does not name the operator's setting: %s", refused.body)
	}
	own := map[string]any{
		"name": "own", "topic_arn": topic, "access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "canary/of/the/tenant",
	}
	if ch := r.create("aws-sns", own); strings.Contains(string(ch.Config), "canary") || !strings.Contains(string(ch.Config), topic) {
		t.Errorf("config %s", ch.Config)
	} else if a := r.call(http.MethodDelete, channelsPath+"/"+ch.ID, ""); a.status != http.StatusNoContent {
		t.Errorf("deleting: %d", a.status)
	}

	r.delivery = listed
	r.writeFile()
	reload(t, r, "config reloaded", 1)
	r.create("aws-sns", map[string]any{"name": "ops-sns-topic", "topic_arn": topic})
	d := r.settle(r.send(preapproval("a")), retries).to(t, "ops-sns-topic")
	if d.State != "dead" || d.Attempts != 2 || strings.Contains(d.LastError, "canary") {
		t.Errorf("listed, behind a proxy that leads nowhere: %+v", d)
	}
	if asked := proxy.asked(); !slices.Equal(asked, []string{host, host}) {
		t.Errorf("the proxy was asked for %v", asked)
	}

	r.delivery = strings.Replace(listed, "access-*", "billing-*", 1)
	r.writeFile()
	reload(t, r, "config reloaded", 2)
	d = r.settle(r.send(preapproval("b")), retries).to(t, "ops-sns-topic")
	if d.State != "dead" || d.Attempts != 0 || !strings.Contains(d.LastError, "channel_config") || !strings.Contains(d.LastError, "aws_default_credentials_for") {
		t.Errorf("no longer listed: %+v", d)
	}
	if asked := proxy.asked(); len(asked) != 2 {
		t.Errorf("the proxy was asked for %v", asked)
	}
}

// deafProxy is an HTTP proxy that connects to nobody.
type deafProxy struct {
	url   string
	mu    sync.Mutex
	hosts []string
}

func newDeafProxy(t *testing.T) *deafProxy {
	t.Helper()
	p := &deafProxy{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		p.mu.Lock()
		p.hosts = append(p.hosts, req.Host)
		p.mu.Unlock()
		w.WriteHeader(http.StatusBadGateway)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *deafProxy) asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.hosts)
}
