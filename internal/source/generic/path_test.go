package generic

import (
	"strings"
	"testing"
)

func TestParsePathRefuses(t *testing.T) {
	for path, want := range map[string]string{
		"":                             "at character 1: a path begins with $, as in $.kind",
		"kind":                         "at character 1: a path begins with $, as in $.kind",
		"@.kind":                       "at character 1: a path begins with $",
		" $.kind":                      "at character 1: a path begins with $",
		"$":                            "$ is the whole body; point into it, as $.kind does",
		"$kind":                        `at character 2: 'k' cannot stand here`,
		"$$":                           `at character 2: '$' cannot stand here`,
		"$.":                           "at character 3: a name or * must stand here, not the end",
		"$..":                          "at character 4: a name or * must stand here, not the end",
		"$...a":                        "at character 4: a name or * must stand here, not '.'",
		"$.a.":                         "at character 5: a name or * must stand here, not the end",
		"$.a-b":                        "at character 4: '-' cannot stand here; a name with other characters than letters, digits and _ is written in brackets, as in $['a-b']",
		"$.ä-b":                        "at character 4: '-' cannot stand here",
		"$.1st":                        "at character 3: a name that begins with a digit is written in brackets, as in $['1st']",
		"$.a b":                        "at character 5: 'b' cannot stand here",
		"$.a ":                         "at character 5: blanks at the end",
		"$.a\x00":                      `at character 4: '\x00' cannot stand here`,
		"$.\xff":                       "not valid UTF-8",
		"$.*a":                         "at character 4: 'a' cannot stand here",
		"$.'a'":                        `at character 3: a name or * must stand here, not '\''`,
		"$[":                           "at character 3: the [ has no ]",
		"$.a[":                         "at character 5: the [ has no ]",
		"$.a[]":                        "at character 5: a name in quotes, a number or * must stand here, not ']'",
		"$.a[b]":                       "at character 5: a name in quotes, a number or * must stand here, not 'b'",
		"$.a[0":                        "at character 6: a comma or ] must stand here, not the end",
		"$.a[0,]":                      "at character 7: a name in quotes, a number or * must stand here, not ']'",
		"$.a[0 1]":                     "at character 7: a comma or ] must stand here, not '1'",
		"$.a[007]":                     "at character 5: 007 is not how an index is written",
		"$.a[-0]":                      "at character 5: -0 is not how an index is written",
		"$.a[-]":                       "at character 5: an index has digits",
		"$.a[1000001]":                 "at character 5: an index is at most 1000000",
		"$.a[-1000001]":                "at character 5: an index is at most 1000000",
		"$.a[99999999999999999999]":    "at character 5: an index is at most 1000000",
		"$.a[1:2]":                     "at character 6: slices such as [0:2] are not supported",
		"$.a[:2]":                      "at character 5: slices such as [0:2] are not supported",
		"$.a[?@.b=='c'].d":             "at character 5: filters are not supported",
		"$.a[(@.length-1)]":            "at character 5: a name in quotes, a number or * must stand here, not '('",
		"$['a]":                        "at character 3: the quote is not closed",
		`$['a"]`:                       "at character 3: the quote is not closed",
		`$['a\']`:                      "at character 3: the quote is not closed",
		`$['\x']`:                      "at character 4: an escape that JSON does not have",
		`$['\"']`:                      "at character 4: an escape that JSON does not have",
		`$["\'"]`:                      "at character 4: an escape that JSON does not have",
		`$['\u12']`:                    "at character 4: an escape that JSON does not have",
		`$['\u+123']`:                  "at character 4: an escape that JSON does not have",
		`$['\ud83d']`:                  "at character 4: an escape that JSON does not have",
		`$['\ud83d\u0041']`:            "at character 4: an escape that JSON does not have",
		`$['\`:                         "at character 4: an escape that JSON does not have",
		"$['\n']":                      `at character 4: '\n' in a name is written with a backslash`,
		"$[0]":                         "finds nothing: the body is an object, so the first step must be a name",
		"$[-1].a":                      "finds nothing: the body is an object",
		"$..a[-1]":                     "an index from the end, such as [-1], is not supported in or behind a descendant (..)",
		"$..[-1]":                      "an index from the end",
		"$..a.b['c',-2]":               "an index from the end",
		"$" + strings.Repeat(".a", 33): "has more than 32 steps",
		"$['a'" + strings.Repeat(",'a'", 32) + "]": "has more than 32 steps",
		"$." + strings.Repeat("a", 1000):           "longer than 1000 bytes",
	} {
		if p, err := parsePath(path); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q gives %+v, %v\nwant %s…", path, p, err, want)
		}
	}
}

// What a path finds: the text that counts, "" for none; then whether anything but
// null is there.
func TestFind(t *testing.T) {
	type lookUp struct{ path, body, want string }
	const list = `{"a":[{"k":"0"},{"k":"1"},{"k":"2"}]}`
	cases := []lookUp{
		{"$.a", `{"a":"x"}`, `"x"`},
		{"$.a", ` { "b" : { "a" : "no" } , "a" : -1.50e3 } `, `-1.50e3`},
		{"$['a']", `{"a":"x"}`, `"x"`},
		{`$["a"]`, `{"a":"x"}`, `"x"`},
		{"$ .a [ 'b' , 'c' ]", `{"a":{"c":"x"}}`, `"x"`},
		{"$.äöü_1", `{"äöü_1":"x"}`, `"x"`},
		{"$['']", `{"":"x"}`, `"x"`},
		{"$['it\\'s']", `{"it's":"x"}`, `"x"`},
		{`$["q\"q"]`, `{"q\"q":"x"}`, `"x"`},
		{`$['\b\f\n\r\t\/\\']`, `{"\b\f\n\r\t/\\":"x"}`, `"x"`},
		{`$['\u00e4\uD83D\uDE00']`, `{"ä😀":"x"}`, `"x"`},
		{`$.😀`, `{"\uD83D\ude00":"x"}`, `"x"`},
		{"$.a", `{"\u0061":"x"}`, `"x"`},
		{"$.a", `{"A":"x"}`, "none"},
		{"$.a.b", `{"a":["b"],"b":"x"}`, "none"},
		{"$.a.b", `{"a":[{"b":"x"}]}`, "none"},
		{"$.a[0]", `{"a":{"0":"x"}}`, "none"},
		{"$.a['0']", `{"a":{"0":"x"}}`, `"x"`},
		{"$.a['0']", `{"a":["x"]}`, "none"},

		{"$.a[0].k", list, `"0"`},
		{"$.a[2].k", list, `"2"`},
		{"$.a[3].k", list, "none"},
		{"$.a[-1].k", list, `"2"`},
		{"$.a[-3].k", list, `"0"`},
		{"$.a[-4].k", list, "none"},
		{"$.a[2,0].k", list, `"0"`}, // as the body is written
		{"$.a[*].k", list, `"0"`},
		{"$.a[*]['x','k']", list, `"0"`},
		{"$.a[-1]", `{"a":[]}`, "none"},
		{"$.a[-1]", `{"a":[[1,2],[3]]}`, "there"},
		{"$.a[-1][-1]", `{"a":[[1,2],[3,4]]}`, "4"},

		{"$.*", `{"a":{},"b":["x"],"c":"","d":true,"e":null,"f":"x"}`, `"x"`},
		{"$.*", `{"a":null}`, "none"},
		{"$.*", `{"a":false}`, "there"},
		{"$.*", `{}`, "none"},
		{"$[*]", `{"a":1}`, "1"},
		{"$.*.*", `{"a":1,"b":{"c":2}}`, "2"},

		{"$..k", list, `"0"`},
		{"$..k", `{"a":{"b":[[{"k":"deep"}]]},"k":"top"}`, `"deep"`},
		{"$..k", `{"k":{"k":"inner"}}`, `"inner"`},
		{"$..k.k", `{"k":{"k":{"k":3}}}`, "3"},
		{"$..[1]", `{"a":[[1],[2,3]]}`, "3"},
		{"$..*", `{"a":[null,{"b":[true,7]}]}`, "7"},
		{"$..a..b", `{"b":1,"a":{"c":[{"b":2}]}}`, "2"},
		{"$..['x','k']", list, `"0"`},
		{"$.a..k", `{"k":"no","a":{"k":"yes"}}`, `"yes"`},

		{"$.a", `{"a":1,"a":2}`, "2"},
		{"$.a", `{"a":1,"a":null}`, "none"},
		{"$.a", `{"a":1,"\u0061":{}}`, "there"},
		{"$.a.b", `{"a":{"b":1},"a":2}`, "none"},
		{"$.a.b", `{"a":{"b":1,"b":2},"c":0,"a":{"b":3}}`, "3"},
		{"$.*", `{"a":1,"b":2,"a":[]}`, "2"},
		{"$.*", `{"a":[],"b":2,"a":1}`, "2"}, // where it stands, not where the key first stood
		{"$..b", `{"a":{"b":1},"c":{"b":2},"a":{}}`, "2"},
		{"$..b", `{"a":{"b":1},"a":{}}`, "none"},

		{"$.a", `{"a":"\""}`, `"\""`},
		{"$.a", `{"a":"\u0000"}`, `"\u0000"`},
		{"$.a", `{"a":""}`, "there"},
		{"$.a", `{"a":0}`, "0"},
		{"$.a", "{\"a\":5\n\t}", "5"},
		{"$.a", `{"a":true}`, "there"},
		{"$.a", `{"a":[]}`, "there"},
		{"$.a", `{"a":null}`, "none"},
		{"$.a", `{}`, "none"},
	}
	for _, c := range cases {
		p, err := parsePath(c.path)
		if err != nil {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		f, got := p.find([]byte(c.body)), string(p.first([]byte(c.body)))
		switch {
		case got != "" && !f.any:
			t.Errorf("%s finds %s in %s, and says there is nothing", c.path, got, c.body)
		case got == "" && f.any:
			got = "there"
		case got == "":
			got = "none"
		}
		if got != c.want {
			t.Errorf("%s in %s: %s, want %s", c.path, c.body, got, c.want)
		}
	}
}
