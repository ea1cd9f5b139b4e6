package main

import (
	"encoding/binary"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
	"gvisor.dev/gvisor/pkg/bufferv2"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/rawfile"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

const (
	vnetHeader = 10
	maxPacket  = 65535

	// linux/virtio_net.h
	needsChecksum = 1
	gsoTCPv4      = 1
	gsoTCPv6      = 4

	// linux/if_tun.h: checksums, TCP segments over IPv4 and IPv6, and those with ECN.
	offloads = 1 | 2 | 4 | 8
)

// tunLink is a link endpoint over a TUN device, with or without IFF_VNET_HDR. gVisor's own fdbased endpoint has a vnet header for sockets
// only; this one does the same for a TUN device: large segments both ways, checksums left to the device. Reads are as in fdbased: readv
// into views of growing sizes, of which the used ones go up without a copy.
type tunLink struct {
	fd         int
	mtu        uint32
	vnet       bool
	dispatcher stack.NetworkDispatcher

	header [vnetHeader]byte
	views  []*bufferv2.View
	iovecs []unix.Iovec
}

// As fdbased.BufConfig: together one packet of the largest size.
var viewSizes = []int{128, 256, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768}

// openTun makes an interface and returns its link. It is still down.
func openTun(name string, mtu uint32, vnet bool) (*tunLink, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("/dev/net/tun: %w", err)
	}
	var request struct {
		name  [unix.IFNAMSIZ]byte
		flags uint16
		_     [22]byte
	}
	copy(request.name[:], name)
	request.flags = unix.IFF_TUN | unix.IFF_NO_PI
	if vnet {
		request.flags |= unix.IFF_VNET_HDR
	}
	if err := ioctl(fd, unix.TUNSETIFF, uintptr(unsafe.Pointer(&request))); err != nil {
		return nil, fmt.Errorf("TUNSETIFF: %w", err)
	}
	if vnet {
		if err := ioctl(fd, unix.TUNSETOFFLOAD, offloads); err != nil {
			return nil, fmt.Errorf("TUNSETOFFLOAD: %w", err)
		}
	}
	return &tunLink{
		fd:     fd,
		mtu:    mtu,
		vnet:   vnet,
		views:  make([]*bufferv2.View, len(viewSizes)),
		iovecs: make([]unix.Iovec, 0, len(viewSizes)+1),
	}, nil
}

func ioctl(fd int, request, argument uintptr) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, argument); errno != 0 {
		return errno
	}
	return nil
}

// receive reads packets for ever.
func (l *tunLink) receive() {
	for {
		// A view that was not used last time serves again; those behind it were not used either.
		l.iovecs = l.iovecs[:0]
		if l.vnet {
			l.iovecs = append(l.iovecs, rawfile.IovecFromBytes(l.header[:]))
		}
		for i, view := range l.views {
			if view == nil {
				l.views[i] = bufferv2.NewViewSize(viewSizes[i])
			}
			l.iovecs = append(l.iovecs, rawfile.IovecFromBytes(l.views[i].AsSlice()))
		}
		n, err := rawfile.BlockingReadvUntilStopped(-1, l.fd, l.iovecs)
		if err != nil {
			fatal("read: %v", err)
		}
		if l.vnet {
			n -= vnetHeader
		}
		if n > 0 {
			l.deliver(l.pull(n))
		}
	}
}

// pull takes the views that hold the first n bytes.
func (l *tunLink) pull(n int) bufferv2.Buffer {
	var buffer bufferv2.Buffer
	for i := 0; n > 0; i++ {
		view := l.views[i]
		l.views[i] = nil
		if n < view.Size() {
			view.CapLength(n)
		}
		n -= view.Size()
		buffer.Append(view)
	}
	return buffer
}

func (l *tunLink) deliver(payload bufferv2.Buffer) {
	packet := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: payload})
	defer packet.DecRef()
	first, ok := packet.Data().PullUp(1)
	if !ok {
		return
	}
	switch header.IPVersion(first) {
	case header.IPv4Version:
		l.dispatcher.DeliverNetworkPacket(header.IPv4ProtocolNumber, packet)
	case header.IPv6Version:
		l.dispatcher.DeliverNetworkPacket(header.IPv6ProtocolNumber, packet)
	}
}

// WritePackets implements stack.LinkWriter.
func (l *tunLink) WritePackets(packets stack.PacketBufferList) (int, tcpip.Error) {
	for i, packet := range packets.AsSlice() {
		var array [16]unix.Iovec
		iovecs := array[:0]
		slices := packet.AsSlices()
		if l.vnet {
			head := vnetHeaderOf(packet)
			iovecs = append(iovecs, rawfile.IovecFromBytes(head[:]))
		}
		for _, slice := range slices {
			iovecs = rawfile.AppendIovecFromBytes(iovecs, slice, rawfile.MaxIovs)
		}
		if err := rawfile.NonBlockingWriteIovec(l.fd, iovecs); err != nil {
			return i, err
		}
	}
	return packets.Len(), nil
}

func vnetHeaderOf(packet stack.PacketBufferPtr) *[vnetHeader]byte {
	head := new([vnetHeader]byte)
	gso := &packet.GSOOptions
	if gso.Type == stack.GSONone {
		return head
	}
	if gso.NeedsCsum {
		head[0] = needsChecksum
		binary.LittleEndian.PutUint16(head[6:], gso.L3HdrLen)
		binary.LittleEndian.PutUint16(head[8:], gso.CsumOffset)
	}
	if packet.Data().Size() > int(gso.MSS) {
		if gso.Type == stack.GSOTCPv6 {
			head[1] = gsoTCPv6
		} else {
			head[1] = gsoTCPv4
		}
		binary.LittleEndian.PutUint16(head[2:], uint16(packet.HeaderSize()))
		binary.LittleEndian.PutUint16(head[4:], gso.MSS)
	}
	return head
}

// Attach implements stack.NetworkLinkEndpoint.
func (l *tunLink) Attach(dispatcher stack.NetworkDispatcher) {
	if dispatcher != nil && l.dispatcher == nil {
		l.dispatcher = dispatcher
		go l.receive()
	}
}

// GSOMaxSize implements stack.GSOEndpoint.
func (l *tunLink) GSOMaxSize() uint32 { return maxPacket }

// SupportedGSO implements stack.GSOEndpoint.
func (l *tunLink) SupportedGSO() stack.SupportedGSO {
	if l.vnet {
		return stack.HostGSOSupported
	}
	return stack.GSONotSupported
}

// Capabilities implements stack.NetworkLinkEndpoint. Behind a vnet header the kernel's own packets come with checksums that nobody computed.
func (l *tunLink) Capabilities() stack.LinkEndpointCapabilities {
	if l.vnet {
		return stack.CapabilityRXChecksumOffload
	}
	return 0
}

func (l *tunLink) IsAttached() bool                        { return l.dispatcher != nil }
func (l *tunLink) MTU() uint32                             { return l.mtu }
func (l *tunLink) MaxHeaderLength() uint16                 { return 0 }
func (l *tunLink) LinkAddress() tcpip.LinkAddress          { return "" }
func (l *tunLink) Wait()                                   {}
func (l *tunLink) ARPHardwareType() header.ARPHardwareType { return header.ARPHardwareNone }
func (l *tunLink) AddHeader(stack.PacketBufferPtr)         {}
