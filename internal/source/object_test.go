package source

import (
	"testing"
	"time"

	"accessrelay/internal/event"
)

func TestObject(t *testing.T) {
	o, ok := ParseObject([]byte(`{"s":"a\u0041","e":"","n":1.50,"big":12345678901234567890,"neg":-1,"t":true,"z":null,
		"o":{"in":"x"},"a":["x"],"S":"other case","dup":1,"dup":"2","ms":1.6e12,"mst":" 1600000000000 ","mso":{"at":1}}`))
	if !ok {
		t.Fatal("not an object")
	}
	for key, want := range map[string]string{
		"s": "aA", "e": "", "n": "1.50", "big": "12345678901234567890", "neg": "-1", "dup": "2",
		"t": "", "z": "", "o": "", "a": "", "absent": "",
	} {
		if got := o.Text(key); got != want {
			t.Errorf("Text(%q) = %q, want %q", key, got, want)
		}
	}
	if got, ok := o.String("s"); !ok || got != "aA" {
		t.Errorf("String(s) = %q, %t", got, ok)
	}
	for _, key := range []string{"e", "n", "t", "z", "o", "a", "absent"} {
		if got, ok := o.String(key); ok || got != "" {
			t.Errorf("String(%q) = %q, %t; want none", key, got, ok)
		}
	}
	for key, want := range map[string]bool{"s": true, "e": true, "t": true, "o": true, "a": true, "z": false, "absent": false} {
		if got := o.Has(key); got != want {
			t.Errorf("Has(%q) = %t", key, got)
		}
	}
	if got := o.Object("o").Text("in"); got != "x" {
		t.Errorf("the text in the inner object is %q", got)
	}
	for _, key := range []string{"s", "a", "z", "absent"} {
		if got := o.Object(key); got != nil || got.Has("in") || got.Text("in") != "" || got.Object("in") != nil {
			t.Errorf("Object(%q) = %v, want the empty one", key, got)
		}
	}
	for _, key := range []string{"ms", "mst"} {
		if got := o.Epoch(key, time.Millisecond); !got.Equal(time.Unix(1600000000, 0)) {
			t.Errorf("Epoch(%q) = %s", key, got)
		}
	}
	for _, key := range []string{"s", "e", "t", "z", "mso", "absent", "big"} {
		if got := o.Epoch(key, time.Millisecond); !got.IsZero() {
			t.Errorf("Epoch(%q) = %s, want none", key, got)
		}
	}
}

func TestParseObjectRefuses(t *testing.T) {
	for _, body := range []string{``, `null`, `[]`, `"x"`, `1`, `{`, `{} {}`} {
		if o, ok := ParseObject([]byte(body)); ok || o != nil {
			t.Errorf("ParseObject(%q) = %v, %t", body, o, ok)
		}
	}
	if o, ok := ParseObject([]byte(`{}`)); !ok || o == nil {
		t.Error("the empty object is refused")
	}
}

func TestPerson(t *testing.T) {
	for name, want := range map[string]*event.Person{
		"":                                nil,
		"john.smith@p0.dev":               {Email: "john.smith@p0.dev"},
		"sa@proj.iam.gserviceaccount.com": {Email: "sa@proj.iam.gserviceaccount.com"},
		"o'neil+x@mail.example.co.uk":     {Email: "o'neil+x@mail.example.co.uk"},
		"jürgen@bücher.example":           {Email: "jürgen@bücher.example"},
		"john":                            {ID: "john"},
		"john@localhost":                  {ID: "john@localhost"},
		"@p0.dev":                         {ID: "@p0.dev"},
		"john@":                           {ID: "john@"},
		"john@.dev":                       {ID: "john@.dev"},
		"john@p0.":                        {ID: "john@p0."},
		"a@b@p0.dev":                      {ID: "a@b@p0.dev"},
		"user:john@p0.dev":                {ID: "user:john@p0.dev"},
		"arn:aws:iam::1:user/j@p0.dev":    {ID: "arn:aws:iam::1:user/j@p0.dev"},
		"John Smith <j@p0.dev>":           {ID: "John Smith <j@p0.dev>"},
		"j@p0.dev\nBcc: x":                {ID: "j@p0.dev\nBcc: x"},
		"j@p0.dev, k@p0.dev":              {ID: "j@p0.dev, k@p0.dev"},
		"https://j@p0.dev":                {ID: "https://j@p0.dev"},
	} {
		got := Person(name)
		if (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("Person(%q) = %+v, want %+v", name, got, want)
		}
	}
}

func TestObjectPerson(t *testing.T) {
	for json, want := range map[string]*event.Person{
		`"ops@example.com"`:                   {Email: "ops@example.com"},
		`"u-1"`:                               {ID: "u-1"},
		`17`:                                  {ID: "17"},
		`{"id":"u-1","name":"N","email":"e"}`: {ID: "u-1", Name: "N", Email: "e"},
		`{"id":"a@example.com"}`:              {ID: "a@example.com", Email: "a@example.com"},
		`{"id":"a@example.com","email":"b"}`:  {ID: "a@example.com", Email: "b"},
		`{"id":17,"name":null,"email":[]}`:    {ID: "17"},
		`{"name":"N"}`:                        {Name: "N"},
		`{"id":"","name":"","email":""}`:      nil,
		`{"who":"x"}`:                         nil,
		`{}`:                                  nil,
		`""`:                                  nil,
		`null`:                                nil,
		`true`:                                nil,
		`[{"id":"u-1"}]`:                      nil,
	} {
		o, _ := ParseObject([]byte(`{"who":` + json + `}`))
		if got := o.Person("who"); (got == nil) != (want == nil) || got != nil && *got != *want {
			t.Errorf("%s is %+v, want %+v", json, got, want)
		}
	}
	if got := (Object{}).Person("who"); got != nil {
		t.Errorf("an absent key is %+v", got)
	}
}

func TestObjectTime(t *testing.T) {
	for json, want := range map[string]string{ // "" = none
		`"2026-01-15T09:30:00Z"`:                "2026-01-15T09:30:00Z",
		`"2026-01-15T10:30:00.123456789+01:00"`: "2026-01-15T09:30:00.123456789Z",
		`" 2026-01-15T09:30:00Z\n"`:             "2026-01-15T09:30:00Z",
		`"1970-01-01T00:00:00Z"`:                "1970-01-01T00:00:00Z",
		`"9999-12-31T23:59:59.999999999Z"`:      "9999-12-31T23:59:59.999999999Z",
		`"9999-12-31T23:59:59-01:00"`:           "",
		`"0001-01-01T00:00:00Z"`:                "", // how some write no time
		`"0001-01-01T00:00:00+01:00"`:           "",
		`"2026-01-15T09:30:00"`:                 "", // of which clock?
		`"2026-01-15 09:30:00Z"`:                "",
		`"2026-01-15T9:30:00Z"`:                 "",
		`"2026-01-15T09:30:00,5Z"`:              "",
		`"2026-01-15T09:30:00+24:00"`:           "",
		`"2026-01-15T09:30:00+23:60"`:           "",
		`"2026-01-15"`:                          "",
		`"Thu, 15 Jan 2026 09:30:00 GMT"`:       "",
		`1768469400`:                            "2026-01-15T09:30:00Z",
		`"1768469400"`:                          "2026-01-15T09:30:00Z",
		`1768469400.25`:                         "2026-01-15T09:30:00.25Z",
		`1.7684694e9`:                           "2026-01-15T09:30:00Z",
		`1768469400123`:                         "2026-01-15T09:30:00.123Z",
		`"1768469400123"`:                       "2026-01-15T09:30:00.123Z",
		`946684800`:                             "2000-01-01T00:00:00Z",
		`946684800000`:                          "2000-01-01T00:00:00Z",
		`4102444799.9`:                          "2099-12-31T23:59:59.9Z",
		`4102444799999`:                         "2099-12-31T23:59:59.999Z",
		`946684799`:                             "", // 1999, or the 11th of January 1970
		`4102444800`:                            "", // 2100, or the 17th of February 1970
		`946684799999`:                          "",
		`4102444800000`:                         "",
		`1768469400123456`:                      "", // microseconds are nowhere said to be sent
		`0`:                                     "",
		`-1768469400`:                           "",
		`"20260115093000"`:                      "",
		`""`:                                    "",
		`null`:                                  "",
		`true`:                                  "",
		`{"seconds":1768469400}`:                "",
		`[1768469400]`:                          "",
	} {
		o, _ := ParseObject([]byte(`{"at":` + json + `}`))
		got := ""
		if at := o.Time("at"); !at.IsZero() {
			got = at.Format(time.RFC3339Nano)
		}
		if got != want {
			t.Errorf("%s is %q, want %q", json, got, want)
		}
	}
	if got := (Object{}).Time("at"); !got.IsZero() {
		t.Errorf("an absent key is %s", got)
	}
}
