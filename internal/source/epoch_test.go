package source

import (
	"strings"
	"testing"
	"time"
)

func TestEpoch(t *testing.T) {
	for _, c := range []struct {
		number string
		unit   time.Duration
		want   string // "" = refused
	}{
		{"782735400000", time.Millisecond, "1994-10-21T10:30:00Z"},
		{"1.6e12", time.Millisecond, "2020-09-13T12:26:40Z"},
		{"1.6E+12", time.Millisecond, "2020-09-13T12:26:40Z"},
		{"16e11", time.Millisecond, "2020-09-13T12:26:40Z"},
		{"1600000000000000e-3", time.Millisecond, "2020-09-13T12:26:40Z"},
		{"1600000000000.0", time.Millisecond, "2020-09-13T12:26:40Z"},
		{"1600000000123.456789", time.Millisecond, "2020-09-13T12:26:40.123456789Z"},
		{"1600000000123.4567899999", time.Millisecond, "2020-09-13T12:26:40.123456789Z"},
		{"0.5", time.Millisecond, "1970-01-01T00:00:00.0005Z"},
		{"0", time.Millisecond, ""},
		{"-0.0", time.Millisecond, ""},
		{"0e999", time.Millisecond, ""},
		{"-1", time.Millisecond, ""},
		{"-0.25", time.Second, ""},
		{"1e-6", time.Millisecond, "1970-01-01T00:00:00.000000001Z"},
		{"1e-7", time.Millisecond, ""},
		{"9e-999", time.Millisecond, ""},
		{"007", time.Second, "1970-01-01T00:00:07Z"},
		{"+7", time.Second, "1970-01-01T00:00:07Z"},
		{"1696263265.851898000", time.Second, "2023-10-02T16:14:25.851898Z"},
		{"1696263265", time.Second, "2023-10-02T16:14:25Z"},
		{"1.696263265851898001e9", time.Second, "2023-10-02T16:14:25.851898001Z"},
		{"253402300799.999999999", time.Second, "9999-12-31T23:59:59.999999999Z"},
		{"253402300800", time.Second, ""},
		{"-62135596800", time.Second, ""},
		{"-62135596800.000000001", time.Second, ""},
		{"-1696263265", time.Second, ""},
		{"999999999999", time.Second, ""},
		{"1e400", time.Second, ""},
		{"1e1001", time.Second, ""},
		{"1e99999999999999999999", time.Second, ""},
		{"9223372036854775808", time.Millisecond, ""},
		{strings.Repeat("9", 100_000), time.Millisecond, ""},
		{"0." + strings.Repeat("0", 100_000) + "1", time.Millisecond, ""},
		{"1", time.Minute, ""},
		{"", time.Second, ""}, {"-", time.Second, ""}, {".", time.Second, ""}, {"e5", time.Second, ""}, {"1e", time.Second, ""},
		{"1e1.5", time.Second, ""}, {"1.2.3", time.Second, ""}, {"--1", time.Second, ""}, {"-+1", time.Second, ""},
		{"0x10", time.Second, ""}, {"1_000", time.Second, ""}, {"NaN", time.Second, ""}, {"Inf", time.Second, ""}, {" 1", time.Second, ""},
		{"2020-09-13", time.Second, ""}, {"١", time.Second, ""},
	} {
		got, ok := Epoch(c.number, c.unit)
		name := c.number[:min(len(c.number), 40)]
		if ok != (c.want != "") {
			t.Errorf("Epoch(%q, %s): ok = %t", name, c.unit, ok)
		} else if ok && got.Format(time.RFC3339Nano) != c.want {
			t.Errorf("Epoch(%q, %s) = %s, want %s", name, c.unit, got.Format(time.RFC3339Nano), c.want)
		} else if ok && got.Location() != time.UTC {
			t.Errorf("Epoch(%q) is not in UTC", name)
		}
	}
}

func FuzzEpoch(f *testing.F) {
	for _, s := range []string{"782735400000", "1.6e12", "-1.5", "0.000e-5", "9e99", "1e-1000", "+.5"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, number string) {
		for _, unit := range []time.Duration{time.Second, time.Millisecond} {
			got, ok := Epoch(number, unit)
			if !ok {
				continue
			}
			if _, err := got.MarshalJSON(); err != nil {
				t.Errorf("Epoch(%q, %s) cannot be written: %v", number, unit, err)
			}
			if !got.After(time.Unix(0, 0)) {
				t.Errorf("Epoch(%q, %s) is %s", number, unit, got)
			}
		}
	})
}
