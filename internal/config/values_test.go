package config

import (
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	const day = 24 * time.Hour
	tests := []struct {
		in   string
		want time.Duration
		ok   bool
	}{
		{"30s", 30 * time.Second, true},
		{"1h30m", 90 * time.Minute, true},
		{"0", 0, true},
		{"0s", 0, true},
		{"7d", 7 * day, true},
		{"0d", 0, true},
		{"1d12h", day + 12*time.Hour, true},
		{"106751d", 106751 * day, true},
		{"106752d", 0, false}, // more than a time.Duration holds
		{"106751d24h", 0, false},
		{"-5s", -5 * time.Second, true},
		{"1d-1h", 0, false},
		{"-1d", 0, false},
		{"1.5d", 0, false},
		{"d", 0, false},
		{"", 0, false},
		{"5", 0, false},
		{"5 s", 0, false},
		{"1h1d", 0, false},
	}
	for _, tt := range tests {
		got, err := parseDuration(tt.in)
		if (err == nil) != tt.ok || got != tt.want {
			t.Errorf("parseDuration(%q) = %v, %v, want %v, ok %v", tt.in, got, err, tt.want, tt.ok)
		}
	}
}

func TestParseSize(t *testing.T) {
	tests := []struct {
		in   string
		want int64
		ok   bool
	}{
		{"1MiB", 1 << 20, true},
		{"512KiB", 512 << 10, true},
		{"512 KiB", 512 << 10, true},
		{"1MB", 1e6, true},
		{"100kB", 1e5, true},
		{"1048576", 1 << 20, true},
		{"17B", 17, true},
		{"0", 0, true},
		{"", 0, false},
		{"MiB", 0, false},
		{"-1MiB", 0, false},
		{"1.5MiB", 0, false},
		{"1mib", 0, false},
		{"9223372036854775807", 1<<63 - 1, true},
		{"9223372036854775808", 0, false},
		{"9007199254740992KiB", 0, false},
	}
	for _, tt := range tests {
		got, err := parseSize(tt.in)
		if (err == nil) != tt.ok || got != tt.want {
			t.Errorf("parseSize(%q) = %v, %v, want %v, ok %v", tt.in, got, err, tt.want, tt.ok)
		}
	}
}

func FuzzParseDuration(f *testing.F) {
	for _, s := range []string{"7d", "1d12h", "-1ns", "106751d", "00d0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := parseDuration(s)
		if err != nil {
			return
		}
		if again, err := parseDuration(d.String()); err != nil || again != d {
			t.Errorf("parseDuration(%q) = %v, which reads back as %v, %v", s, d, again, err)
		}
	})
}

func TestDidYouMean(t *testing.T) {
	known := []string{"id", "name", "api_keys", "sources", "channels"}
	tests := []struct{ got, want string }{
		{"soruces", "sources"},
		{"source", "sources"},
		{"apikeys", "api_keys"},
		{"namee", "name"},
		{"ID", ""}, // as far from id as from anything of two letters
		{"webhooks", ""},
		{"", ""},
	}
	for _, tt := range tests {
		want := ""
		if tt.want != "" {
			want = `, did you mean "` + tt.want + `"?`
		}
		if got := didYouMean(tt.got, known); got != want {
			t.Errorf("didYouMean(%q) = %q, want %q", tt.got, got, want)
		}
	}
}
