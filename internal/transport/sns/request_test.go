package sns

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	config "accessrelay/internal/channel/sns"
	"accessrelay/internal/transport/transporttest"
)

// hosts are AWS's own, by region. From the SDK's partitions.
var hosts = map[string]string{
	"arn:aws:sns:us-east-1:123456789012:t":            "sns.us-east-1.amazonaws.com",
	"arn:aws:sns:eu-central-1:123456789012:t":         "sns.eu-central-1.amazonaws.com",
	"arn:aws:sns:xx-nowhere-9:123456789012:t":         "sns.xx-nowhere-9.amazonaws.com", // newer than the SDK
	"arn:aws-cn:sns:cn-north-1:123456789012:t":        "sns.cn-north-1.amazonaws.com.cn",
	"arn:aws-us-gov:sns:us-gov-west-1:123456789012:t": "sns.us-gov-west-1.amazonaws.com",
	"arn:aws-iso:sns:us-iso-east-1:123456789012:t":    "sns.us-iso-east-1.c2s.ic.gov",
	"arn:aws-iso-b:sns:us-isob-east-1:123456789012:t": "sns.us-isob-east-1.sc2s.sgov.gov",
	"arn:aws-iso-e:sns:eu-isoe-west-1:123456789012:t": "sns.eu-isoe-west-1.cloud.adc-e.uk",
	"arn:aws-iso-f:sns:us-isof-east-1:123456789012:t": "sns.us-isof-east-1.csp.hci.ic.gov",
	"arn:aws-eusc:sns:eusc-de-east-1:123456789012:t":  "sns.eusc-de-east-1.amazonaws.eu",
}

// TestHost: the region leads to AWS, whatever the machine's environment and
// AWS's shared files say: they are for its own credentials.
func TestHost(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	const shared = "[default]\nregion = us-west-2\nendpoint_url = https://canary.example\nuse_fips_endpoint = true\n" +
		"use_dualstack_endpoint = true\naws_access_key_id = AKIACANARY\naws_secret_access_key = canary\nservices = s\n" +
		"[services s]\nsns =\n  endpoint_url = https://canary.example\n"
	if err := os.WriteFile(file, []byte(shared), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"AWS_CONFIG_FILE": file, "AWS_SHARED_CREDENTIALS_FILE": file, "AWS_REGION": "us-west-2", "AWS_DEFAULT_REGION": "us-west-2",
		"AWS_ENDPOINT_URL": "https://canary.example", "AWS_ENDPOINT_URL_SNS": "https://canary.example",
		"AWS_ACCESS_KEY_ID": "AKIACANARY", "AWS_SECRET_ACCESS_KEY": "canary", "AWS_SESSION_TOKEN": "canary",
		"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true", "AWS_MAX_ATTEMPTS": "5", "AWS_RETRY_MODE": "adaptive",
		"AWS_DEFAULTS_MODE": "mobile", "AWS_SDK_UA_APP_ID": "canary", "AWS_EXECUTION_ENV": "canary",
		"AWS_LAMBDA_FUNCTION_NAME": "canary", "_X_AMZN_TRACE_ID": "Root=1-canary", "HTTPS_PROXY": "http://canary.example:1",
	} {
		t.Setenv(name, value)
	}
	for arn, host := range hosts {
		w := &internet{}
		c := parse(t, map[string]string{"topic_arn": arn, "access_key_id": keyID, "secret_access_key": secretKey})
		if err := transporttest.Send(t.Context(), New(w.clients(), noChain{}, noTopics), to(c), transporttest.Event(), now); err != nil {
			t.Errorf("%s: %v", arn, err)
			continue
		}
		r := w.requests[0]
		if r.URL.Scheme != "https" || r.URL.Host != host || r.URL.Path != "/" || r.URL.RawQuery != "" {
			t.Errorf("%s leads to %s", arn, r.URL)
		}
		if w.forms[0].Get("TopicArn") != arn || len(w.requests) != 1 {
			t.Errorf("%s: %d requests, topic %s", arn, len(w.requests), w.forms[0].Get("TopicArn"))
		}
		var all strings.Builder
		_ = r.Header.Write(&all)
		if s := strings.ToLower(all.String()); strings.Contains(s, "canary") || strings.Contains(s, "us-west-2") {
			t.Errorf("something of the environment is in the request:\n%s", s)
		}
	}
}

// TestSignature: what is sent is what was signed, with the channel's keys. The
// signature is made once more of the request as it went out.
func TestSignature(t *testing.T) {
	for endpoint, host := range map[string]string{
		"": "sns.eu-central-1.amazonaws.com", "https://sns.example/a/b": "sns.example", "https://sns.example:8443": "sns.example:8443",
		"https://sns.example:443/x": "sns.example", "http://sns.example:80": "sns.example", "https://[2001:db8::1]:443/": "[2001:db8::1]",
	} {
		w := &internet{}
		m := map[string]string{"topic_arn": topicARN, "access_key_id": keyID, "secret_access_key": secretKey}
		if endpoint != "" {
			m["endpoint"], m["region"] = endpoint, "us-east-1"
		}
		c := parse(t, m)
		if err := transporttest.Send(t.Context(), New(w.clients(), noChain{}, noTopics), to(c), transporttest.Event(), now); err != nil {
			t.Errorf("%s: %v", endpoint, err)
			continue
		}
		sent := w.requests[0]
		if sent.Host != host || sent.Host != sent.URL.Host {
			t.Errorf("%s: host %s of %s", endpoint, sent.Host, sent.URL)
		}
		at, err := time.Parse("20060102T150405Z", sent.Header.Get("X-Amz-Date"))
		if err != nil {
			t.Fatal(err)
		}
		_, signed, _ := strings.Cut(sent.Header.Get("Authorization"), "SignedHeaders=")
		signed, _, _ = strings.Cut(signed, ",")
		again, err := http.NewRequest(sent.Method, sent.URL.String(), bytes.NewReader([]byte(w.bodies[0])))
		if err != nil {
			t.Fatal(err)
		}
		for name, values := range sent.Header {
			if slices.Contains(strings.Split(signed, ";"), strings.ToLower(name)) {
				again.Header[name] = values
			}
		}
		sum := sha256.Sum256([]byte(w.bodies[0]))
		if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: keyID, SecretAccessKey: secretKey},
			again, hex.EncodeToString(sum[:]), "sns", c.Region, at); err != nil {
			t.Fatal(err)
		}
		if got, want := sent.Header.Get("Authorization"), again.Header.Get("Authorization"); got != want {
			t.Errorf("%s: signed\n%s\nwant\n%s", endpoint, got, want)
		}
	}
}

func TestFIFO(t *testing.T) {
	ev := transporttest.Event()
	tests := []struct {
		topic, group string
		source       string
		want         string
	}{
		{topicARN, "", ev.Source, ""},
		{fifoARN, "", ev.Source, ev.Source},
		{fifoARN, "access/1", ev.Source, "access/1"},
		{fifoARN, "", "no group\n", "accessrelay"},
	}
	for _, tt := range tests {
		m := map[string]string{"topic_arn": tt.topic}
		if tt.group != "" {
			m["message_group_id"] = tt.group
		}
		e := *ev
		e.Source = tt.source
		in, err := publication(parse(t, m), &e)
		if err != nil {
			t.Fatal(err)
		}
		if got := aws.ToString(in.MessageGroupId); got != tt.want {
			t.Errorf("%+v: group %q", tt, got)
		}
		dedup := ev.ID
		if tt.want == "" {
			dedup = ""
		}
		if got := aws.ToString(in.MessageDeduplicationId); got != dedup {
			t.Errorf("%+v: deduplication id %q", tt, got)
		}
	}
}

// TestSecondRequest: an attempt is one request, whatever the SDK thinks.
func TestSecondRequest(t *testing.T) {
	server := &internet{}
	w := &wire{client: server.clients().Tenant}
	for i, want := range []bool{true, false} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://sns.example/", strings.NewReader("a=b"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := w.Do(r)
		if (err == nil) != want {
			t.Errorf("request %d: %v", i, err)
		}
		if err == nil {
			_ = resp.Body.Close()
		}
	}
	if len(server.requests) != 1 {
		t.Errorf("%d requests", len(server.requests))
	}
}

func BenchmarkSend(b *testing.B) {
	w := &internet{}
	c, err := read(map[string]string{"topic_arn": topicARN, "access_key_id": keyID, "secret_access_key": secretKey})
	if err != nil {
		b.Fatal(err)
	}
	tr, ev := New(w.clients(), noChain{}, noTopics), transporttest.Event()
	ch := to(c.(*config.Config))
	for b.Loop() {
		w.requests, w.forms, w.bodies = nil, nil, nil
		if err := transporttest.Send(b.Context(), tr, ch, ev, now); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkClient(b *testing.B) {
	c, err := read(map[string]string{"topic_arn": topicARN, "access_key_id": keyID, "secret_access_key": secretKey})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		client(c.(*config.Config), aws.Credentials{}, &wire{})
	}
}
