package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"accessrelay/internal/safenet/safenettest"
)

// pointed are the fields of a channel of each type, by slug, that points at a
// host as a URL has it.
func pointed(host string, port int) map[string]map[string]any {
	bare := strings.NewReplacer("[", "", "]", "", "%25", "%").Replace(host)
	at := fmt.Sprintf("%s:%d", host, port)
	return map[string]map[string]any{
		"generic-webhook": {"url": "https://" + at + "/hook"},
		"slack-webhook":   {"webhook_url": "http://" + at + "/services/x"},
		"aws-sns": {
			"topic_arn": "arn:aws:sns:eu-central-1:123456789012:access", "endpoint": "https://" + at,
			"access_key_id": "test", "secret_access_key": "test",
		},
		"email": {
			"smtp_host": bare, "smtp_port": port, "tls": "implicit",
			"from_address": "relay@example.com", "to_addresses": []string{"security@example.com"},
		},
	}
}

// TestTheInside: whatever a tenant writes who wants to get at the inside of the
// network, on a channel of any type, the API refuses it, or every delivery ends
// dead; no connection is made.
func TestTheInside(t *testing.T) {
	t.Parallel()
	trap := safenettest.NewTrap(t)
	r := newRelay(t)
	r.delivery = "  backoff: [100ms]\n  allow_networks: [10.254.0.0/16]\n" // so that plain http is not refused at once
	r.startSealed()
	refused, created, names := 0, 0, map[string]int{}
	for i, s := range safenettest.Spellings() {
		for slug, fields := range pointed(s.Host, trap.Port) {
			if s.Needs && slug == "slack-webhook" {
				continue // it reads addresses as generic-webhook does
			}
			fields["name"] = fmt.Sprintf("%s-%d", slug, i)
			got := r.call(http.MethodPost, channelsPath+"/"+slug, toJSON(t, fields))
			switch {
			case got.status == http.StatusBadRequest:
				refused++
			case got.status != http.StatusCreated:
				t.Fatalf("%s at %q: status %d, %s", slug, s.Host, got.status, got.body)
			case s.Needs: // to dial it, this machine's name server would have to be asked
				id := decode[channelView](t, got, http.StatusCreated).ID
				if got := r.call(http.MethodDelete, channelsPath+"/"+id, ""); got.status != http.StatusNoContent {
					t.Fatalf("deleting: status %d, %s", got.status, got.body)
				}
			default:
				created++
				names[s.Host]++
			}
		}
	}
	got := r.settle(r.send(preapproval("inside")), time.Minute)
	if got.Status != "failed" || len(got.Deliveries) != created {
		t.Errorf("status %s with %d deliveries, %d channels", got.Status, len(got.Deliveries), created)
	}
	types := map[string]int{}
	for _, d := range got.Deliveries {
		types[d.ChannelType]++
		if d.State != "dead" || d.Attempts != 0 || !strings.HasPrefix(d.LastError, "address_blocked") {
			t.Errorf("%+v, want it dead for address_blocked, without an attempt", d)
		}
	}
	if trap.Accepts() != 0 {
		t.Errorf("%d connections arrived", trap.Accepts())
	}
	if len(names) < 60 || len(types) != 4 {
		t.Errorf("only %d spellings were delivered to, over channels of %v", len(names), types)
	}
	r.idle()
	for kind, n := range types {
		r.worker.scrape().want(t, float64(n), "accessrelay_delivery_failures_total", "channel_type", kind, "reason", "address_blocked")
	}
	t.Logf("%d spellings: %d channels refused by the API; %d channels at %d spellings, %v, all dead; nothing dialled",
		len(safenettest.Spellings()), refused, created, len(names), types)
}

// TestTheOperatorsInside: the file's channels may reach private addresses, but
// neither link-local ones nor a cloud's metadata.
func TestTheOperatorsInside(t *testing.T) {
	t.Parallel()
	fine := newSink(t)
	channels := []channelConf{webhookTo("private", fine)}
	for i, host := range []string{"169.254.169.254", "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "[64:ff9b::a9fe:a9fe]", "100.100.100.200", "168.63.129.16", "[fe80::1]", "0.0.0.1", "255.255.255.255"} {
		for slug, fields := range pointed(host, 80) {
			channels = append(channels, channelConf{name: fmt.Sprintf("%s-%d", slug, i), kind: slug, config: fields})
		}
	}
	r := newRelay(t, channels...)
	r.start()
	got := r.settle(r.send(preapproval("inside")), time.Minute)
	for _, d := range got.Deliveries {
		if d.ChannelName == "private" {
			if d.State != "delivered" {
				t.Errorf("%+v", d)
			}
			continue
		}
		if d.State != "dead" || !strings.HasPrefix(d.LastError, "address_blocked") {
			t.Errorf("%+v", d)
		}
	}
	if len(got.Deliveries) != len(channels) {
		t.Errorf("%d deliveries, %d channels", len(got.Deliveries), len(channels))
	}
}
