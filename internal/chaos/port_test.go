package chaos

import "testing"

// A port that was given out is not given again, though nothing listens there yet.
func TestPortsAreGivenOnce(t *testing.T) {
	var p ports
	given := map[int]bool{}
	for range 500 {
		port, err := p.free()
		if err != nil {
			t.Fatal(err)
		}
		if given[port] {
			t.Fatalf("port %d is given twice", port)
		}
		given[port] = true
	}
}
