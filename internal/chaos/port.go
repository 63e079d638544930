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

// freePort finds a port on loopback that nothing listens on.
func freePort() (int, error) {
	for range 200 {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port))
		if err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("finding a free port: none from 30000 to 32700")
}
