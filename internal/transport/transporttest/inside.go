package transporttest

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"accessrelay/internal/channel"
	"accessrelay/internal/safenet"
	"accessrelay/internal/safenet/safenettest"
	"accessrelay/internal/transport"
)

// Names that the certificates are for.
const (
	steadyName = "steady.test"
	movingName = "moving.test"
	mixedName  = "mixed.test"
)

// inside: however a tenant spells a place on the inside, the config is refused
// or the delivery ends dead, and nothing is dialled.
func (s suite) inside(t *testing.T) {
	trap := safenettest.NewTrap(t)
	n := networkWith(t, safenet.Options{Resolver: safenettest.StartDNS(t, safenettest.Inside())}, safenet.Policy{})
	tr := s.New(n)
	var refused, blocked, nowhere int
	for _, host := range hosts() {
		for _, secure := range []bool{true, false} {
			config, err := s.Config(Place{Host: host, Port: trap.Port, Secure: secure})
			if err != nil {
				var invalid *channel.InvalidError
				if !errors.As(err, &invalid) {
					t.Errorf("%q: the config is refused by a %T: %v", host, err, err)
				}
				refused++
				continue
			}
			ch := &channel.Channel{
				ID: channelID, TenantID: tenantID, Name: "c", Type: tr.Type(),
				Enabled: true, ManagedBy: channel.ManagedByAPI, Config: config,
			}
			err = s.try(t.Context(), t, tr, ch, Event())
			if err != nil && transport.AsSendError(err).Reason == transport.ReasonConnection {
				s.check(t, err, retry("connection"))
				if !strings.Contains(err.Error(), "the host name") {
					t.Errorf("%q: %v", host, err)
				}
				nowhere++
				continue
			}
			if err == nil || transport.AsSendError(err).Reason != transport.ReasonAddressBlocked {
				t.Errorf("%q: %v, want it blocked", host, err)
			}
			s.check(t, err, dead("address_blocked").unsent())
			blocked++
		}
	}
	if trap.Accepts() != 0 {
		t.Errorf("%d connections arrived", trap.Accepts())
	}
	t.Logf("%d spellings, with TLS and without: none dialled; %d configs refused, %d deliveries blocked, %d names that there are not",
		len(hosts()), refused, blocked, nowhere)
	if blocked < 60 {
		t.Errorf("only %d came as far as the guard", blocked)
	}
}

// hosts are all spellings as a URL has them and, of IPv6, as a field without
// brackets does.
func hosts() []string {
	var out []string
	for _, s := range safenettest.Spellings() {
		out = append(out, s.Host)
		if bare, ok := strings.CutPrefix(s.Host, "["); ok && strings.HasSuffix(bare, "]") {
			out = append(out, strings.ReplaceAll(strings.TrimSuffix(bare, "]"), "%25", "%"))
		}
	}
	return out
}

// moving: what a name resolves to is judged at every dial, and one address inside
// is enough to refuse all of them. 127.0.0.1 stands for the internet and is
// admitted, 127.0.0.9 for the inside.
func (s suite) moving(t *testing.T) {
	sc := s.stage(t)
	port := sc.place().Port
	trap := safenettest.NewTrapAt(t, fmt.Sprintf("127.0.0.9:%d", port))
	n := networkWith(t, safenet.Options{
		RootCAs: good.trusted(),
		Resolver: safenettest.StartDNS(t, safenettest.Names{
			steadyName: {safenettest.Addrs("127.0.0.1")},
			movingName: {safenettest.Addrs("127.0.0.1"), safenettest.Addrs("127.0.0.9"), safenettest.Addrs("10.0.0.1"), safenettest.Addrs("127.0.0.9", "127.0.0.1")},
			mixedName:  {safenettest.Addrs("127.0.0.9", "127.0.0.1", "169.254.169.254")},
		}),
	}, safenet.Policy{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	sc.tr = s.New(n)
	blocked := dead("address_blocked").unsent()
	for _, step := range []struct {
		name string
		want []want
	}{
		{movingName, []want{{}, blocked, blocked, blocked}},
		{mixedName, []want{blocked, blocked, blocked}},
		{steadyName, []want{{}, {}}}, // last: what follows goes there
	} {
		sc.ch = s.channel(t, sc.tr, Place{Host: step.name, Port: port, Secure: sc.place().Secure})
		sc.ch.ManagedBy = channel.ManagedByAPI
		for _, w := range step.want {
			n.Tenant.CloseIdleConnections() // so that each attempt dials
			s.check(t, sc.send(t.Context(), t, Event()), w)
		}
	}
	if d, ok := sc.destination.(*httpDestination); ok { // a first hop that may be reached sends to one that may not
		for _, status := range []int{301, 302, 303, 307, 308} {
			d.obey(echo(status, http.Header{"Location": {fmt.Sprintf("http://127.0.0.9:%d/", port)}}))
			s.check(t, sc.send(t.Context(), t, Event()), dead("redirect"))
		}
	}
	if trap.Accepts() != 0 {
		t.Errorf("%d connections to the inside", trap.Accepts())
	}
}
