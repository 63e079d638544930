package safenet

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func prefixes(ss ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(ss))
	for i, s := range ss {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

// verdicts: one letter each for a tenant over TLS, a tenant over plain http, an
// operator over TLS, an operator over plain http; y is dialled, n is not.
func TestCheck(t *testing.T) {
	tests := []struct{ addr, verdicts string }{
		{"93.184.215.14", "ynyn"},
		{"2606:2800:21f:cb07:6820:80da:af6b:8b2c", "ynyn"},
		{"::ffff:93.184.215.14", "ynyn"},
		{"64:ff9b::93.184.215.14", "ynyn"}, // DNS64 networks reach the internet so
		{"2002:5db8:d70e::1", "ynyn"},
		{"2001:0:4136:e378:8000:63bf:a247:28f1", "ynyn"},
		{"2a00:1450::5efe:5db8:d70e", "ynyn"}, // ISATAP of a public address
		{"128.0.0.1", "ynyn"},
		{"126.255.255.255", "ynyn"},
		{"11.0.0.0", "ynyn"},
		{"172.15.255.255", "ynyn"},
		{"172.32.0.0", "ynyn"},
		{"100.63.255.255", "ynyn"},
		{"100.128.0.0", "ynyn"},
		{"169.253.255.255", "ynyn"},
		{"169.255.0.0", "ynyn"},
		{"223.255.255.255", "ynyn"},
		{"198.17.255.255", "ynyn"},
		{"198.20.0.0", "ynyn"},
		{"3ffe::1", "ynyn"},

		{"127.0.0.1", "nnyy"},
		{"127.255.255.255", "nnyy"},
		{"::1", "nnyy"},
		{"::ffff:127.0.0.1", "nnyy"},
		{"10.0.0.1", "nnyy"},
		{"172.16.0.1", "nnyy"},
		{"172.31.255.255", "nnyy"},
		{"192.168.0.1", "nnyy"},
		{"100.64.0.1", "nnyy"},
		{"100.127.255.255", "nnyy"},
		{"fc00::1", "nnyy"},
		{"fd12:3456::1", "nnyy"},
		{"fec0::1", "nnyy"},
		{"64:ff9b::10.0.0.1", "nnyy"},
		{"2002:0a00:0001::1", "nnyy"},
		{"::127.0.0.1", "nnyy"},
		{"::ffff:0:10.0.0.1", "nnyy"},
		{"2a00:1450::5efe:a00:1", "nnyy"},
		{"2a00:1450::200:5efe:a00:1", "nnyy"},

		{"169.254.0.1", "nnnn"},
		{"169.254.169.254", "nnnn"},
		{"::ffff:169.254.169.254", "nnnn"},
		{"64:ff9b::169.254.169.254", "nnnn"},
		{"2002:a9fe:a9fe::1", "nnnn"},
		{"2001:0:a9fe:a9fe:8000:63bf:a247:28f1", "nnnn"}, // Teredo, its server
		{"2001:0:4136:e378:8000:63bf:5601:5601", "nnnn"}, // Teredo, its client
		{"fe80::1", "nnnn"},
		{"fe80::1%lo", "nnnn"},
		{"::1%lo", "nnnn"},
		{"2606:2800:21f::1%lo", "nnnn"},
		{"febf::1", "nnnn"},
		{"fd00:ec2::254", "nnnn"},
		{"fd00:ec2::23", "nnnn"},
		{"fd00:c1::a9fe:a9fe", "nnnn"},
		{"fd00:42::42", "nnnn"},
		{"fd00:42::43", "nnyy"},
		{"fd20:ce::254", "nnnn"},
		{"100.100.100.200", "nnnn"},
		{"168.63.129.16", "nnnn"},
		{"192.0.0.192", "nnnn"},
		{"0.0.0.0", "nnnn"},
		{"0.1.2.3", "nnnn"},
		{"::", "nnnn"},
		{"::ffff:0.0.0.0", "nnnn"},
		{"224.0.0.1", "nnnn"},
		{"239.255.255.255", "nnnn"},
		{"ff02::1", "nnnn"},
		{"255.255.255.255", "nnnn"},
		{"240.0.0.1", "nnnn"},
		{"192.0.0.1", "nnnn"},
		{"192.0.2.1", "nnnn"},
		{"198.51.100.1", "nnnn"},
		{"203.0.113.1", "nnnn"},
		{"192.88.99.1", "nnnn"},
		{"198.18.0.1", "nnnn"},
		{"198.19.255.255", "nnnn"},
		{"64:ff9b:1::1", "nnnn"},
		{"64:ff9b:1:5db8:d7:e00::", "nnnn"},
		{"2001:2::1", "nnnn"},
		{"2001:10::1", "nnnn"},
		{"2001:20::1", "nnnn"},
		{"2001:db8::1", "nnnn"},
		{"3fff::1", "nnnn"},
		{"100::1", "nnnn"},
		{"5f00::1", "nnnn"},
		{"4000::1", "nnnn"},
		{"1::1", "nnnn"},
	}
	for _, tt := range tests {
		t.Run(tt.addr, func(t *testing.T) {
			a := netip.MustParseAddr(tt.addr)
			got := ""
			for _, p := range []Policy{{}, {Operator: true}} {
				for _, plain := range []bool{false, true} {
					err := p.check(a, plain)
					var blocked *BlockedError
					switch {
					case err == nil:
						got += "y"
					case errors.As(err, &blocked):
						got += "n"
					default:
						t.Fatalf("error is %T", err)
					}
				}
			}
			if got != tt.verdicts {
				t.Errorf("verdicts %s, want %s", got, tt.verdicts)
			}
			if a.Zone() != "" {
				return
			}
			// Whatever is refused can be admitted, by its own address.
			p := Policy{Allow: []netip.Prefix{netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())}}
			if err := p.check(a, true); err != nil {
				t.Errorf("refused although Allow admits it: %v", err)
			}
		})
	}
}

func TestAllow(t *testing.T) {
	tests := []struct {
		allow, addr string
		want        bool
	}{
		{"10.1.0.0/16", "10.1.2.3", true},
		{"10.1.0.0/16", "10.2.0.1", false},
		{"10.1.0.0/16", "::ffff:10.1.2.3", true},
		{"10.1.0.0/16", "64:ff9b::10.1.2.3", true},
		{"10.1.0.0/16", "64:ff9b::10.2.0.1", false},
		{"::ffff:10.1.0.0/112", "10.1.2.3", true},
		{"::ffff:10.1.0.0/112", "10.2.0.1", false},
		{"fd00::/8", "fd00:ec2::254", true}, // asked for in as many words
		{"fd01::/16", "fd02::1", false},
		{"0.0.0.0/0", "127.0.0.1", true},
		{"0.0.0.0/0", "::1", false},
	}
	for _, tt := range tests {
		p := Policy{Allow: prefixes(tt.allow)}
		if got := p.check(netip.MustParseAddr(tt.addr), true) == nil; got != tt.want {
			t.Errorf("Allow %s, %s: dialled %v, want %v", tt.allow, tt.addr, got, tt.want)
		}
	}
}

func TestCheckTargetFailsClosed(t *testing.T) {
	for _, tt := range []struct{ network, address string }{
		{"unix", "/run/docker.sock"}, {"tcp", "example.com:443"}, {"tcp4", ""}, {"udp4", "93.184.215.14:53"},
	} {
		p := Policy{Operator: true, Allow: prefixes("0.0.0.0/0", "::/0")}
		if err := p.checkTarget(tt.network, tt.address, false); err == nil {
			t.Errorf("%s %q is dialled", tt.network, tt.address)
		}
	}
}

func TestBlockedErrorHidesTheAddress(t *testing.T) {
	for _, plain := range []bool{false, true} {
		for _, addr := range []string{"10.11.12.13", "93.184.215.14"} {
			err := Policy{}.check(netip.MustParseAddr(addr), plain)
			if err != nil && strings.Contains(err.Error(), addr) {
				t.Errorf("tells what a name resolves to: %v", err)
			}
		}
	}
}
