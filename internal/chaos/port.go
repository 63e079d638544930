package chaos

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are chosen below those that Linux gives to outgoing connections (32768 and
// up): else one of these might take the port of a process while it is down. Below
// these are the ones of package redisserver.
const (
	lowestPort  = 30000
	highestPort = 32700
)

// ports are those that one rig has given out. The zero value is ready; it is for
// one goroutine.
type ports map[int]bool

// free finds a port on loopback that nothing listens on, and that was not given
// out before: who has it may not listen yet, or be down.
func (p *ports) free() (int, error) {
	if *p == nil {
		*p = ports{}
	}
	for range 200 {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		if (*p)[port] {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port))
		if err == nil {
			(*p)[port] = true
			return port, l.Close()
		}
	}
	return 0, errors.New("finding a free port: none from 30000 to 32700")
}
