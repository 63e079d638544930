package chaos

import "syscall"

// procAttr has the kernel end a process with this one, however it ends.
// A group of its own keeps the terminal's Ctrl-C, which is for us, from it.
func procAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
