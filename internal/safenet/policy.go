// Package safenet makes outbound connections that cannot be talked into the
// private network. The guard judges every address at the moment it is dialled,
// after the name has been resolved, so neither an odd spelling nor a name that
// resolves differently the second time gets past it.
package safenet

import (
	"fmt"
	"net/netip"
	"strings"
)

// Policy says which addresses may be dialled. The zero value is the strictest:
// a tenant's, with nothing admitted beyond the public internet over TLS.
type Policy struct {
	// Allow admits addresses that would be refused, over plain http too.
	Allow []netip.Prefix
	// Operator marks destinations that the operator wrote down: they may be
	// loopback or private, over plain http too. Link-local addresses, cloud
	// metadata services and addresses that name no single host stay refused.
	Operator bool
}

// BlockedError is a connection that the guard did not open. Nothing was sent.
type BlockedError struct {
	Addr  netip.Addr // what the host resolved to; invalid if it could not be read
	Range string     // the kind of address: "loopback", "private", …
	Plain bool       // the address itself is fine, but not without TLS
}

// Error names the kind of address and never the address: whoever chose the host
// must not learn what it resolves to inside.
func (e *BlockedError) Error() string {
	if e.Plain {
		return "plain http is not allowed to this host: use https, or have the operator admit its address in delivery.allow_networks"
	}
	return fmt.Sprintf("the host has a %s address, which channels may not reach unless the operator admits it in delivery.allow_networks", e.Range)
}

// Judge returns what dialling a would come to: nil, or a *BlockedError. plain
// means: without TLS. It is for who warns; the guard judges again when it dials.
func (p Policy) Judge(a netip.Addr, plain bool) error { return p.check(a, plain) }

// check returns nil if a may be dialled. plain means: without TLS, for HTTP.
func (p Policy) check(a netip.Addr, plain bool) error {
	if a.Zone() != "" { // a zone picks an interface of this machine
		return &BlockedError{Addr: a, Range: "zoned"}
	}
	if !a.IsValid() {
		return &BlockedError{Range: "unreadable"}
	}
	a = a.Unmap()
	if p.allows(a) {
		return nil
	}
	kind := kindOf(a)
	if kind == kindEmbedding {
		for _, inner := range embedded(a) {
			if err := p.check(inner, plain); err != nil {
				return err
			}
		}
		return nil
	}
	inside := p.Operator && (kind == kindLoopback || kind == kindPrivate || kind == kindShared)
	switch {
	case inside:
		return nil
	case kind != kindPublic:
		return &BlockedError{Addr: a, Range: string(kind)}
	case plain:
		return &BlockedError{Addr: a, Range: string(kind), Plain: true}
	}
	return nil
}

func (p Policy) allows(a netip.Addr) bool {
	for _, n := range p.Allow {
		if n.Addr().Is4In6() && n.Bits() >= 96 { // ::ffff:10.0.0.0/104 means 10.0.0.0/8
			n = netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-96)
		}
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// checkTarget judges "ip:port" as a dialer's control function is given it.
func (p Policy) checkTarget(network, address string, plain bool) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || !strings.HasPrefix(network, "tcp") {
		return &BlockedError{Range: "unreadable"} // a unix socket, say: fail closed
	}
	return p.check(ap.Addr(), plain)
}
