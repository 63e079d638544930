package source

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

func TestMembers(t *testing.T) {
	const object = " { \"a\" : 1 ,\"b\":-1.5e3 \n,\"\\u0061\": [1 , {\"x\":\"}\"}] , \"t\" :true\t, \"n\":null,\"\":\"q\\\"}\" , \"o\":{ } } "
	want := [][2]string{
		{"a", "1"}, {"b", "-1.5e3"}, {"a", `[1 , {"x":"}"}]`}, {"t", "true"}, {"n", "null"}, {"", `"q\"}"`}, {"o", "{ }"},
	}
	var got [][2]string
	for key, value := range Members(json.RawMessage(object)) {
		got = append(got, [2]string{key, string(value)})
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, empty := range []string{`{}`, " { } "} {
		for key := range Members(json.RawMessage(empty)) {
			t.Errorf("%q has the key %q", empty, key)
		}
	}
	for range Members(json.RawMessage(object)) {
		break // must be allowed
	}
}

func TestElements(t *testing.T) {
	var got []string
	for v := range Elements(json.RawMessage(" [ 1 ,\"]\", [] , {\"a\":[1]}\n,null ,-0 ] ")) {
		got = append(got, string(v))
	}
	if want := []string{"1", `"]"`, "[]", `{"a":[1]}`, "null", "-0"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, empty := range []string{`[]`, " [ ] "} {
		for v := range Elements(json.RawMessage(empty)) {
			t.Errorf("%q has %q", empty, v)
		}
	}
	for range Elements(json.RawMessage(`[1,2]`)) {
		break
	}
}

// Members and Elements see what encoding/json sees.
func FuzzWalk(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":[1,2,{"c":null}],"a":"x\\\"","\u0061":{}}`))
	f.Add([]byte(" {\"a\" : 1\t,\r\n\"\\ud800\" : [ ] , \"\" : -0.5E+7 } "))
	f.Fuzz(func(t *testing.T, body []byte) {
		if checkObject(body) == nil {
			checkWalk(t, body)
		}
	})
}

func checkWalk(t *testing.T, body json.RawMessage) {
	t.Helper()
	switch body[SkipSpace(body, 0)] {
	case '{':
		var want map[string]json.RawMessage
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatal(err)
		}
		got := map[string]json.RawMessage{}
		for key, value := range Members(body) {
			got[key] = value
			checkWalk(t, value)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	case '[':
		var want []json.RawMessage
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatal(err)
		}
		i := 0
		for value := range Elements(body) {
			if i >= len(want) || !bytes.Equal(value, want[i]) {
				t.Fatalf("element %d is %q of %q", i, value, want)
			}
			checkWalk(t, value)
			i++
		}
		if i != len(want) {
			t.Fatalf("%d elements, want %d", i, len(want))
		}
	}
}
