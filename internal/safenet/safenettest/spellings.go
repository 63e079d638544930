// Package safenettest holds what everybody must be refused who is sent to the
// inside of the network, in all its spellings, and the name server and the
// listeners that prove it.
package safenettest

import "net/netip"

// Spelling is one way of writing a place on the inside.
type Spelling struct {
	// Host stands where a URL has its host, IPv6 in brackets.
	Host string
	// Needs is the name server of [StartDNS] with [Inside]: without it the host
	// may be no address at all.
	Needs bool
}

// Spellings returns all of them: each leads to the inside or nowhere.
func Spellings() []Spelling {
	var out []Spelling
	for _, hosts := range [][]string{
		loopback, unspecified, private, linkLocal, metadata, embedding, reserved,
	} {
		for _, h := range hosts {
			out = append(out, Spelling{Host: h})
		}
	}
	for _, hosts := range [][]string{byInetAton, byUnicode, tricks} {
		for _, h := range hosts {
			out = append(out, Spelling{Host: h, Needs: true})
		}
	}
	for name := range Inside() {
		out = append(out, Spelling{name, true}, Spelling{aliasOf + name, true})
	}
	return out
}

var (
	loopback = []string{
		"127.0.0.1", "127.0.0.2", "127.1.1.1", "127.255.255.254",
		"[::1]", "[0:0:0:0:0:0:0:1]", "[0000:0000:0000:0000:0000:0000:0000:0001]", "[::0001]", "[0::1]",
		"[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::FFFF:127.0.0.1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::ffff:127.255.255.254]",
		"[::1%25lo]", "[::ffff:127.0.0.1%25lo]",
		"localhost", "LOCALHOST", "LocalHost",
	}
	unspecified = []string{"0.0.0.0", "0.0.0.1", "0.255.255.255", "[::]", "[0:0:0:0:0:0:0:0]", "[::0.0.0.0]", "[::ffff:0.0.0.0]", "[::ffff:0:0]", "[::%25lo]"}
	private     = []string{
		"10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255",
		"100.64.0.1", "100.127.255.255", // carriers' NAT
		"[::ffff:10.0.0.1]", "[::ffff:c0a8:101]", "[::ffff:ac10:1]", "[::ffff:6440:1]",
		"[fc00::1]", "[fd00::1]", "[fdff:ffff::1]", "[fec0::1]", "[feff::1]",
	}
	linkLocal = []string{"169.254.0.1", "169.254.255.255", "[fe80::1]", "[febf::1]", "[fe80::1%25lo]", "[fe80::1%25eth0]", "[fe80::a9fe:a9fe]", "[::ffff:169.254.1.1]"}
	metadata  = []string{
		"169.254.169.254", "[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[fd00:ec2::254]", // most clouds; AWS
		"169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", // AWS's containers
		"[fd20:ce::254]",                      // Google
		"168.63.129.16",                       // Azure
		"100.100.100.200",                     // Alibaba
		"192.0.0.192", "[fd00:c1::a9fe:a9fe]", // Oracle
		"169.254.42.42", "[fd00:42::42]", // Scaleway
		"169.254.0.23", // Tencent
	}
	embedding = []string{
		"[::127.0.0.1]", "[::7f00:1]", "[::10.0.0.1]", "[::a9fe:a9fe]", // IPv4-compatible
		"[::ffff:0:127.0.0.1]", "[::ffff:0:10.0.0.1]", // IPv4-translated
		"[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b::10.0.0.1]", // NAT64
		"[64:ff9b:1::7f00:1]", "[64:ff9b:1::a9fe:a9fe]", // a network's own NAT64
		"[2002:7f00:1::1]", "[2002:a9fe:a9fe::1]", "[2002:a00:1::]", // 6to4
		"[2001:0:7f00:1:0:0:0:0]", "[2001::a9fe:a9fe:0:0:0:0]", "[2001:0:4136:e378:8000:63bf:80ff:fffe]", // Teredo: its server, its client
		"[2a00:1450::5efe:127.0.0.1]", "[2a00:1450::200:5efe:a9fe:a9fe]", "[fe80::5efe:10.0.0.1]", // ISATAP
	}
	reserved = []string{
		"224.0.0.1", "239.255.255.255", "[ff02::1]", "[ff01::1]", "[ff0e::1]", "255.255.255.255", "[::ffff:255.255.255.255]", "240.0.0.1",
		"192.0.0.1", "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255", "192.88.99.1",
		"[2001:db8::1]", "[2001:2::1]", "[2001:10::1]", "[2001:20::1]", "[3fff::1]", "[100::1]", "[5f00::1]", "[4000::1]", "[1::1]",
	}

	// byInetAton are no literals to Go: they are names, which another resolver
	// reads as C's inet_aton does.
	byInetAton = []string{
		"127.1", "127.0.1", "2130706433", "0x7f000001", "0X7F000001", "0x7f.0.0.1", "0x7f.1", "0177.0.0.1", "0177.1", "017700000001",
		"127.0x0.0.1", "0x7f.0.0.01", "00127.0.0.1", "127.000.000.001", "127.0.0.1.", "127.0.0.01", "0", "0x0", "00000000", "0.0", "127.65537",
		"3232235777", "0xc0a80101", "0300.0250.1.1", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "4294967295",
		"127.0.0.1.nip.io", "127-0-0-1.sslip.io", "localtest.me", "localhost.", "localhost.localdomain", "ip6-localhost", "ip6-loopback", "broadcasthost",
		"metadata.google.internal", "metadata", "instance-data", "kubernetes.default.svc", "host.docker.internal", "gateway.docker.internal",
	}
	byUnicode = []string{
		"①②⑦.⓪.⓪.①", "１２７.０.０.１", "127。0。0。1", "127．0．0．1", "127｡0｡0｡1", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "ｌｏｃａｌｈｏｓｔ", "localh\u00adost", "127.0.0.\u200b1",
		"127.0.0.1\u202e", "𝟏𝟐𝟕.𝟎.𝟎.𝟏", "xn--127-0-0-1.test", "١٢٧.٠.٠.١",
	}
	// tricks hide what the host is from who reads fewer characters than others.
	tricks = []string{
		"127%2e0%2e0%2e1", "%31%32%37.0.0.1", "127.0.0.1%00.inside.test", "127.0.0.1%2f.inside.test", "127.0.0.1%09", "%6c%6f%63%61%6c%68%6f%73%74",
		"inside.test@127.0.0.1", "127.0.0.1@inside.test", "inside.test:80@127.0.0.1", "inside.test%40127.0.0.1", "user:password@[::1]", "@127.0.0.1", ":@127.0.0.1",
		`127.0.0.1\@inside.test`, `inside.test\@127.0.0.1`, `\127.0.0.1`, "127.0.0.1#@inside.test", "127.0.0.1?@inside.test", "127.0.0.1/@inside.test", "127.0.0.1/.inside.test",
		"127.0.0.1;inside.test", "127.0.0.1,inside.test", "127.0.0.1&inside.test", "127.0.0.1 inside.test", "127.0.0.1\tinside.test", "127.0.0.1\r\nHost: inside.test", "127.0.0.1\x00.inside.test",
		"[::1]inside.test", "[::1].inside.test", "[127.0.0.1]", "[::ffff:127.0.0.1", "::1]", "[[::1]]", "[localhost]", "[::ffff:0x7f.1]", "[v1.127.0.0.1]",
		".127.0.0.1", "127.0.0.1..", "localhost..", "-127.0.0.1", "inside.test.", "INSIDE.TEST", "", ".", "*", "~",
	}
)

// Inside are names that lead to the inside, as [StartDNS] takes them. Also
// inside.test, which the spellings name.
func Inside() Names {
	names := Names{}
	for name, addrs := range map[string][]string{
		"inside.test": {"10.0.0.1"}, "loopback.test": {"127.0.0.1"}, "many-private.test": {"127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.1.1"},
		"aaaa-only.test": {"::1"}, "both.test": {"127.0.0.1", "::1"}, "ula-only.test": {"fd00::1"}, "mapped.test": {"::ffff:127.0.0.1"},
		"nat64.test": {"64:ff9b::7f00:1"}, "6to4.test": {"2002:7f00:1::1"}, "compatible.test": {"::127.0.0.1"},
		"metadata.test": {"169.254.169.254"}, "metadata6.test": {"fd00:ec2::254"}, "link-local.test": {"fe80::1"},
		"zero.test": {"0.0.0.0"}, "zero6.test": {"::"}, "broadcast.test": {"255.255.255.255"}, "multicast.test": {"224.0.0.1", "ff02::1"}, "carrier.test": {"100.64.0.1"},
	} {
		names[name] = [][]netip.Addr{Addrs(addrs...)}
	}
	return names
}
