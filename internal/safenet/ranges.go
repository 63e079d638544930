package safenet

import "net/netip"

type kind string

const (
	kindPublic      kind = "public"
	kindLoopback    kind = "loopback"
	kindPrivate     kind = "private"
	kindShared      kind = "shared (CGNAT)"
	kindLinkLocal   kind = "link-local"
	kindMetadata    kind = "cloud metadata"
	kindMulticast   kind = "multicast"
	kindUnspecified kind = "unspecified"
	kindReserved    kind = "reserved"
	// kindEmbedding carries an IPv4 address that a gateway may forward to.
	kindEmbedding kind = "embedding"
)

type span struct {
	net  netip.Prefix
	kind kind
}

func spans(k kind, nets ...string) []span {
	out := make([]span, len(nets))
	for i, n := range nets {
		out[i] = span{netip.MustParsePrefix(n), k}
	}
	return out
}

// special lists what is not plain public unicast; the first match wins. The
// ranges are those of IANA's special-purpose address registries for IPv4 and IPv6.
var special = concat(
	// Metadata services that live outside the link-local ranges: AWS over IPv6
	// (instances, and the credentials of EKS's pods), Google over IPv6, Alibaba,
	// Azure's WireServer, Oracle over both, Scaleway over IPv6.
	spans(kindMetadata, "fd00:ec2::254/128", "fd00:ec2::23/128", "fd20:ce::254/128", "100.100.100.200/32", "168.63.129.16/32",
		"192.0.0.192/32", "fd00:c1::a9fe:a9fe/128", "fd00:42::42/128"),

	spans(kindUnspecified, "0.0.0.0/8", "::/128"), // 0.0.0.0 is this machine to connect(2)
	spans(kindLoopback, "127.0.0.0/8", "::1/128"),
	spans(kindPrivate, "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10"),
	spans(kindShared, "100.64.0.0/10"),
	spans(kindLinkLocal, "169.254.0.0/16", "fe80::/10"),
	spans(kindMulticast, "224.0.0.0/4", "ff00::/8"),
	spans(kindReserved,
		"192.0.0.0/24",                                      // protocol assignments
		"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", // documentation
		"192.88.99.0/24", // 6to4 relays
		"198.18.0.0/15",  // benchmarks
		"240.0.0.0/4",    // future use, broadcast
		// A network's own NAT64 prefix: where in it the IPv4 address stands is
		// that network's choice (RFC 8215), so it cannot be judged.
		"64:ff9b:1::/48",
	),
	spans(kindEmbedding,
		"::/96",           // IPv4-compatible
		"::ffff:0:0:0/96", // IPv4-translated (SIIT)
		"64:ff9b::/96",    // NAT64
		"2002::/16",       // 6to4
		"2001::/32",       // Teredo
	),
	spans(kindReserved,
		"2001::/23",     // protocol assignments: benchmarks, ORCHID
		"2001:db8::/32", // documentation
		"3fff::/20",     // documentation
	),
)

// globalUnicast is all of IPv6 that is handed out; the rest is reserved.
var globalUnicast = netip.MustParsePrefix("2000::/3")

func concat(lists ...[]span) []span {
	var out []span
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

// kindOf expects an address without zone, unmapped.
func kindOf(a netip.Addr) kind {
	for _, s := range special {
		if s.net.Contains(a) {
			return s.kind
		}
	}
	switch {
	case a.Is4():
		return kindPublic
	case !globalUnicast.Contains(a):
		return kindReserved
	case isISATAP(a):
		return kindEmbedding
	}
	return kindPublic
}

// isISATAP reports whether the interface identifier is 0000:5efe:a.b.c.d or
// 0200:5efe:a.b.c.d (RFC 5214).
func isISATAP(a netip.Addr) bool {
	b := a.As16()
	return (b[8] == 0 || b[8] == 2) && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe
}

// embedded returns the IPv4 addresses inside an address of kindEmbedding. Each
// of them must pass.
func embedded(a netip.Addr) []netip.Addr {
	b := a.As16()
	v4 := func(at int) netip.Addr { return netip.AddrFrom4([4]byte(b[at : at+4])) }
	switch {
	case b[0] == 0x20 && b[1] == 0x02: // 6to4
		return []netip.Addr{v4(2)}
	case b[0] == 0x20 && b[1] == 0x01 && b[2] == 0 && b[3] == 0: // Teredo: server, and the client inverted
		client := v4(12).As4()
		for i := range client {
			client[i] ^= 0xff
		}
		return []netip.Addr{v4(4), netip.AddrFrom4(client)}
	default:
		return []netip.Addr{v4(12)}
	}
}
