package redistest

import "syscall"

// procAttr has the kernel end the server with the test binary, which does not
// run its cleanups when it panics or times out.
func procAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
