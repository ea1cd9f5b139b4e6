// The services of ../peer.c's server by gVisor's netstack on a TUN device, in the network namespace of the process:
//
//	gvisor [-plain] [-mtu BYTES]
//
// 7001 takes everything, 7002 sends without end, 7003 answers one request and closes, 7004 answers every request. It says "ready" when it
// listens. The kernel's side of the device is 10.9.0.1, netstack's 10.9.0.2. -plain: no vnet header, one packet a frame.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

const (
	device  = "gvisor0"
	nic     = 1
	message = 64
)

var ours = tcpip.Address(net.IPv4(10, 9, 0, 2).To4())

func fatal(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "gvisor: "+format+"\n", arguments...)
	os.Exit(1)
}

func main() {
	plain := flag.Bool("plain", false, "no vnet header")
	mtu := flag.Uint("mtu", 1500, "bytes")
	flag.Parse()

	link, err := openTun(device, uint32(*mtu), !*plain)
	if err != nil {
		fatal("%v", err)
	}
	ip("link", "set", device, "mtu", fmt.Sprint(*mtu), "txqueuelen", "1000", "up")
	ip("addr", "add", "10.9.0.1/24", "dev", device)
	netstack := newStack(link)
	listen(netstack, 7001, sink)
	listen(netstack, 7002, source)
	listen(netstack, 7003, once)
	listen(netstack, 7004, echo)
	fmt.Println("ready")
	select {}
}

func ip(arguments ...string) {
	if output, err := exec.Command("ip", arguments...).CombinedOutput(); err != nil {
		fatal("ip %v: %s", arguments, output)
	}
}

// newStack is a netstack as its users set it up who want it fast: SACK, CUBIC, buffers that grow to 8 MiB.
func newStack(link stack.LinkEndpoint) *stack.Stack {
	s := stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocol},
	})
	sack := tcpip.TCPSACKEnabled(true)
	cubic := tcpip.CongestionControlOption("cubic")
	moderate := tcpip.TCPModerateReceiveBufferOption(true)
	receive := tcpip.TCPReceiveBufferSizeRangeOption{Min: 4 << 10, Default: 1 << 20, Max: 8 << 20}
	send := tcpip.TCPSendBufferSizeRangeOption{Min: 4 << 10, Default: 1 << 20, Max: 8 << 20}
	for _, option := range []tcpip.SettableTransportProtocolOption{&sack, &cubic, &moderate, &receive, &send} {
		check(s.SetTransportProtocolOption(tcp.ProtocolNumber, option))
	}
	check(s.CreateNIC(nic, link))
	address := tcpip.ProtocolAddress{Protocol: ipv4.ProtocolNumber, AddressWithPrefix: ours.WithPrefix()}
	check(s.AddProtocolAddress(nic, address, stack.AddressProperties{}))
	s.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: nic}})
	return s
}

func check(err tcpip.Error) {
	if err != nil {
		fatal("%v", err)
	}
}

func listen(s *stack.Stack, port uint16, serve func(net.Conn)) {
	listener, err := gonet.ListenTCP(s, tcpip.FullAddress{NIC: nic, Addr: ours, Port: port}, ipv4.ProtocolNumber)
	if err != nil {
		fatal("listen %d: %v", port, err)
	}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				fatal("accept: %v", err)
			}
			go serve(connection)
		}
	}()
}

func sink(c net.Conn) {
	defer c.Close()
	buffer := make([]byte, 256<<10)
	for {
		if _, err := c.Read(buffer); err != nil {
			return
		}
	}
}

func source(c net.Conn) {
	defer c.Close()
	buffer := make([]byte, 256<<10)
	for {
		if _, err := c.Write(buffer); err != nil {
			return
		}
	}
}

func once(c net.Conn) {
	defer c.Close()
	answer(c)
}

func echo(c net.Conn) {
	defer c.Close()
	for answer(c) {
	}
}

func answer(c net.Conn) bool {
	var buffer [message]byte
	n, err := c.Read(buffer[:])
	if err != nil {
		return false
	}
	_, err = c.Write(buffer[:n])
	return err == nil
}
