package sns

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"accessrelay/internal/channel"
	config "accessrelay/internal/channel/sns"
	"accessrelay/internal/secret"
	"accessrelay/internal/transport"
	"accessrelay/internal/transport/transporttest"
)

// fixed is a chain that has keys, and counts.
type fixed struct {
	asked, invalidated atomic.Int64
}

func (f *fixed) Retrieve(context.Context) (aws.Credentials, error) {
	f.asked.Add(1)
	return aws.Credentials{AccessKeyID: "AKIAWORKER", SecretAccessKey: "canary-of-the-worker", SessionToken: "canary-token"}, nil
}
func (f *fixed) Invalidate() { f.invalidated.Add(1) }

// TestWhoMayUseTheChain: the worker's own credentials are for the file's channels
// and the topics that are listed now.
func TestWhoMayUseTheChain(t *testing.T) {
	bare := parse(t, map[string]string{"topic_arn": topicARN})
	own := parse(t, map[string]string{"topic_arn": topicARN, "access_key_id": keyID, "secret_access_key": secretKey})
	lent := parse(t, map[string]string{"topic_arn": topicARN})
	lent.Endpoint = secret.New("https://sns.example/") // as no config that was checked is
	listed := patterns(t, "arn:aws:sns:eu-central-1:123456789012:acc*")
	elsewhere := patterns(t, "arn:aws:sns:eu-central-1:210987654321:*", "arn:aws:sns:eu-central-1:123456789012:billing")
	tests := []struct {
		name    string
		config  *config.Config
		by      channel.ManagedBy
		allowed config.Patterns
		key     string // in the signature, "" where nothing may be sent
	}{
		{"own keys", own, channel.ManagedByAPI, nil, keyID},
		{"own keys of a listed topic", own, channel.ManagedByAPI, listed, keyID},
		{"own keys in the file", own, channel.ManagedByFile, nil, keyID},
		{"the file's", bare, channel.ManagedByFile, nil, "AKIAWORKER"},
		{"listed", bare, channel.ManagedByAPI, listed, "AKIAWORKER"},
		{"nothing listed", bare, channel.ManagedByAPI, nil, ""},
		{"others listed", bare, channel.ManagedByAPI, elsewhere, ""},
		{"nobody's", bare, "", nil, ""},
		{"an endpoint in the file", lent, channel.ManagedByFile, listed, ""},
		{"an endpoint of a listed topic", lent, channel.ManagedByAPI, listed, ""},
	}
	for _, tt := range tests {
		w, chain := &internet{}, &fixed{}
		ch := to(tt.config)
		ch.ManagedBy = tt.by
		err := transporttest.Send(t.Context(), New(w.clients(), chain, func() config.Patterns { return tt.allowed }), ch, transporttest.Event(), now)
		if tt.key == "" {
			se := transport.AsSendError(err)
			if err == nil || se.Reason != transport.ReasonChannelConfig || se.Class != transport.Dead || !se.NoAttempt ||
				len(w.requests) > 0 || chain.asked.Load() > 0 || strings.Contains(err.Error(), "123456789012") {
				t.Errorf("%s: %v, %d requests, asked %d times", tt.name, err, len(w.requests), chain.asked.Load())
			}
			continue
		}
		if err != nil || len(w.requests) != 1 {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		h := w.requests[0].Header
		if !strings.Contains(h.Get("Authorization"), "Credential="+tt.key+"/") || (h.Get("X-Amz-Security-Token") != "") != (tt.key == "AKIAWORKER") {
			t.Errorf("%s: signed for with %s", tt.name, h.Get("Authorization"))
		}
	}
}

// TestListShrinks: what the operator takes off the list is refused at once.
func TestListShrinks(t *testing.T) {
	w, chain := &internet{}, &fixed{}
	list := patterns(t, topicARN)
	tr := New(w.clients(), chain, func() config.Patterns { return list })
	ch := to(parse(t, map[string]string{"topic_arn": topicARN}))
	if err := transporttest.Send(t.Context(), tr, ch, transporttest.Event(), now); err != nil {
		t.Fatal(err)
	}
	list = nil
	if err := transporttest.Send(t.Context(), tr, ch, transporttest.Event(), now); err == nil || !strings.Contains(err.Error(), "aws_default_credentials_for") {
		t.Errorf("%v", err)
	}
	if len(w.requests) != 1 {
		t.Errorf("%d requests", len(w.requests))
	}
}

// TestExpired: expired credentials of the worker are fetched anew and the event
// is sent again; a channel's own do not come back.
func TestExpired(t *testing.T) {
	for _, code := range []string{"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"} {
		for keys, class := range map[string]transport.Class{"": transport.Retry, keyID: transport.Dead} {
			w := &internet{answer: func(int) (int, string) { return http.StatusForbidden, fault(code) }}
			m := map[string]string{"topic_arn": topicARN}
			if keys != "" {
				m["access_key_id"], m["secret_access_key"] = keyID, secretKey
			}
			chain := &fixed{}
			err := transporttest.Send(t.Context(), New(w.clients(), chain, func() config.Patterns { return patterns(t, topicARN) }), to(parse(t, m)), transporttest.Event(), now)
			se := transport.AsSendError(err)
			if se.Reason != transport.ReasonClientError || se.Class != class || !strings.Contains(se.Error(), code) {
				t.Errorf("%s: %+v", code, se)
			}
			if got := chain.invalidated.Load(); (got == 1) != (keys == "") {
				t.Errorf("%s: invalidated %d times", code, got)
			}
		}
	}
}

func TestNoCredentials(t *testing.T) {
	w := &internet{}
	ch := to(parse(t, map[string]string{"topic_arn": topicARN}))
	ch.ManagedBy = channel.ManagedByFile
	se := transport.AsSendError(transporttest.Send(t.Context(), New(w.clients(), noChain{}, noTopics), ch, transporttest.Event(), now))
	if se.Reason != transport.ReasonChannelConfig || se.Class != transport.Retry || !se.NoAttempt || strings.Contains(se.Error(), "canary") || len(w.requests) > 0 {
		t.Errorf("%+v", se)
	}
}

// slow is a chain whose provider does not answer.
type slow struct{ fixed }

func (*slow) Retrieve(ctx context.Context) (aws.Credentials, error) {
	<-ctx.Done()
	return aws.Credentials{}, errors.New("canary")
}

func TestSlowCredentials(t *testing.T) {
	ch := to(parse(t, map[string]string{"topic_arn": topicARN}))
	ch.ManagedBy = channel.ManagedByFile
	tr := New((&internet{}).clients(), &slow{}, noTopics)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if se := transport.AsSendError(transporttest.Send(ctx, tr, ch, transporttest.Event(), now)); se.Reason != transport.ReasonTimeout || !se.NoAttempt || se.Class != transport.Retry {
		t.Errorf("%+v", se)
	}
	stopped, stop := context.WithCancel(t.Context())
	time.AfterFunc(10*time.Millisecond, stop)
	if err := transporttest.Send(stopped, tr, ch, transporttest.Event(), now); !errors.Is(err, context.Canceled) || !transport.AsSendError(err).NoAttempt {
		t.Errorf("%v", err)
	}
}

// bareMachine is one on which the SDK finds nothing.
func bareMachine(t *testing.T) {
	t.Helper()
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, "")
		}
	}
	none := filepath.Join(t.TempDir(), "none")
	t.Setenv("AWS_CONFIG_FILE", none)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", none)
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:9/") // not to be asked
}

func TestChainOfEnvironment(t *testing.T) {
	bareMachine(t)
	c := NewChain(nil)
	if _, err := c.Retrieve(t.Context()); err == nil {
		t.Error("credentials out of nothing")
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIAENV")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "canary")
	keys, err := NewChain(nil).Retrieve(t.Context())
	if err != nil || keys.AccessKeyID != "AKIAENV" {
		t.Errorf("%s: %v", keys.AccessKeyID, err)
	}
}

// TestChainOfContainer: a service beside the worker is asked once for all
// attempts, and again when what it said has expired.
func TestChainOfContainer(t *testing.T) {
	bareMachine(t)
	var asked atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n := asked.Add(1)
		_ = json.NewEncoder(w).Encode(map[string]any{
			"AccessKeyId": "AKIA" + strings.Repeat("X", int(n)), "SecretAccessKey": "canary", "Token": "t",
			"Expiration": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
		})
	}))
	t.Cleanup(srv.Close)
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", srv.URL+"/keys")
	proxy, err := url.Parse("http://127.0.0.1:9/") // which a service on this machine is not behind
	if err != nil {
		t.Fatal(err)
	}
	c := NewChain(proxy)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if keys, err := c.Retrieve(t.Context()); err != nil || keys.AccessKeyID != "AKIAX" {
				t.Errorf("%s: %v", keys.AccessKeyID, err)
			}
		})
	}
	wg.Wait()
	c.Invalidate()
	if keys, err := c.Retrieve(t.Context()); err != nil || keys.AccessKeyID != "AKIAXX" {
		t.Errorf("after it has expired: %s: %v", keys.AccessKeyID, err)
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("asked %d times", n)
	}
}

// TestChainProxy: what is not on this machine or its link is asked through the
// proxy, and never through one of the environment.
func TestChainProxy(t *testing.T) {
	proxy := &url.URL{Scheme: "http", Host: "proxy.example:3128"}
	for target, want := range map[string]*url.URL{
		"https://sts.eu-central-1.amazonaws.com/": proxy, "http://169.254.169.254/latest/": nil, "http://[fd00:ec2::254]/": nil,
		"http://169.254.170.2/": nil, "http://127.0.0.1:51679/": nil,
	} {
		r, err := http.NewRequest(http.MethodGet, target, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		for given, wanted := range map[*url.URL]*url.URL{proxy: want, nil: nil} {
			if got, err := around(given)(r); err != nil || got != wanted {
				t.Errorf("%s through %v: %v", target, got, err)
			}
		}
	}
}
