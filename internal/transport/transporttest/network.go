package transporttest

import (
	"crypto/x509"
	"testing"

	"accessrelay/internal/safenet"
	"accessrelay/internal/transport"
)

// Network is a transport's way out: guarded, and trusting the test's authority.
type Network struct {
	Tenant   *safenet.Guard // as strict as can be
	Operator *safenet.Guard
	Roots    *x509.CertPool
}

// Clients are the guards as transports over HTTP take them.
func (n Network) Clients() transport.Clients {
	return transport.Clients{Tenant: n.Tenant.Client(), Operator: n.Operator.Client()}
}

func newNetwork(t *testing.T, roots *x509.CertPool) Network {
	t.Helper()
	return networkWith(t, safenet.Options{RootCAs: roots}, safenet.Policy{})
}

func networkWith(t *testing.T, o safenet.Options, tenant safenet.Policy) Network {
	t.Helper()
	n := Network{
		Tenant:   safenet.NewGuard(tenant, o),
		Operator: safenet.NewGuard(safenet.Policy{Operator: true}, o),
		Roots:    o.RootCAs,
	}
	t.Cleanup(func() { n.Tenant.CloseIdleConnections(); n.Operator.CloseIdleConnections() })
	return n
}
