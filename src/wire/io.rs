//! The bytes of one connection, below hyper and the Engine.IO library.
//!
//! Until an upgrade it passes HTTP through, cut at the end of each head, so that no byte behind a request for an
//! upgrade is in hyper's hands when frames begin. After the 101 it deals in whole frames: those that the library
//! writes and those that were pushed to the [`Link`] leave in one queue, with one system call for all that waits, and
//! compressed where that was agreed on; those that the client sends pass [`Inbound`] before the library reads them.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker, ready};

use arc_swap::ArcSwap;
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::frame::{self, HeadEnd, Header, Violation};
use super::handshake;
use super::inbound::{Inbound, Rules};
use super::link::{Link, Passage, Phase, Side, Turn};
use super::output::{Output, Written};
use super::sweep::Place;
use crate::roster::packet::text_frame;
use crate::session::config::Config;

/// How much the library may have in the queue before it has to wait. Its own channel is where a backlog is counted.
const LIBRARY_BYTES: usize = 64 * 1024;

pub struct Io<S> {
    inner: S,
    link: Arc<Link>,
    waker: Waker,
    /// Asked for at every use, because a reload changes them.
    limits: Arc<ArcSwap<Config>>,
    /// Counts the stream for as long as it is open.
    _place: Option<Arc<Place>>,
    /// What leaves next.
    out: Output,
    unflushed: bool,
    farewell: Farewell,
    /// Bytes of the library that do not make a whole frame yet.
    partial: BytesMut,
    /// Bytes that were read behind the end of a head.
    stash: Bytes,
    head_in: HeadEnd,
    head_out: HeadEnd,
    inbound: Inbound,
    /// What is for the library and did not come from the stream as it is: inflated messages and what follows them.
    ready: BytesMut,
    /// For what the connection ends, once the library has read what came before.
    broken: Option<Violation>,
    /// The library's first PING is on its way. Until it has come, nothing that the client sends is read.
    greeting: bool,
}

/// How far the end of a connection has come.
#[derive(PartialEq, Eq)]
enum Farewell {
    No,
    CloseQueued,
    Shut,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Io<S> {
    pub fn new(inner: S, link: Arc<Link>, limits: Arc<ArcSwap<Config>>) -> Self {
        Io {
            inner,
            waker: Waker::from(link.clone()),
            link,
            limits,
            _place: None,
            out: Output::default(),
            unflushed: false,
            farewell: Farewell::No,
            partial: BytesMut::new(),
            stash: Bytes::new(),
            head_in: HeadEnd::default(),
            head_out: HeadEnd::default(),
            inbound: Inbound::default(),
            ready: BytesMut::new(),
            broken: None,
            greeting: false,
        }
    }

    pub fn holding(mut self, place: Arc<Place>) -> Self {
        self._place = Some(place);
        self
    }

    /// Writes what waits. Pending where the peer does not take it; the link wakes both sides when it does.
    fn drive(&mut self, side: Side, turn: Turn) -> Poll<io::Result<()>> {
        let mut wrote = matches!(side, Side::Writer);
        loop {
            while !self.out.is_empty() {
                wrote = true;
                ready!(self.write_out())?;
            }
            match (&self.farewell, turn.close) {
                (Farewell::No, Some(violation)) => {
                    self.out.push_library(frame::close(violation));
                    self.farewell = Farewell::CloseQueued;
                }
                (Farewell::CloseQueued, _) => {
                    ready!(Pin::new(&mut self.inner).poll_shutdown(&mut Context::from_waker(&self.waker)))?;
                    self.farewell = Farewell::Shut;
                }
                _ => break,
            }
        }
        if wrote {
            self.link.written();
        }
        if self.unflushed {
            ready!(self.flush())?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Waits for what a layer below has taken and not passed on yet; that it waits is a stall like any other.
    fn flush(&mut self) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(&mut Context::from_waker(&self.waker));
        match flushed {
            Poll::Pending => self.link.blocked(),
            Poll::Ready(_) => self.link.wrote(Written::default()),
        }
        flushed
    }

    fn write_out(&mut self) -> Poll<io::Result<()>> {
        let cx = &mut Context::from_waker(&self.waker);
        let inner = Pin::new(&mut self.inner);
        let written = self.out.write(|slices| match slices {
            // One piece goes out by the cheaper system call.
            [one] => inner.poll_write(cx, one),
            many => inner.poll_write_vectored(cx, many),
        });
        match written {
            Poll::Pending => {
                self.link.blocked();
                Poll::Pending
            }
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(bytes)) => {
                self.unflushed = true;
                self.link.wrote(self.out.advance(bytes));
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }

    /// Takes what the library wrote into the queue, frame by frame.
    fn accept(&mut self, bytes: &[u8]) {
        if self.partial.is_empty() {
            let rest = self.accept_frames(bytes);
            self.partial.extend_from_slice(rest);
        } else {
            self.partial.extend_from_slice(bytes);
            let whole = self.partial.split().freeze();
            let rest = self.accept_frames(&whole);
            self.partial.extend_from_slice(rest);
        }
    }

    /// Gives back what is no whole frame.
    fn accept_frames<'a>(&mut self, mut bytes: &'a [u8]) -> &'a [u8] {
        while let Some(header) = Header::parse(bytes) {
            let Some(len) = usize::try_from(header.payload).ok().and_then(|payload| payload.checked_add(header.len))
            else {
                break;
            };
            if bytes.len() < len {
                break;
            }
            let (frame, rest) = bytes.split_at(len);
            bytes = rest;
            let payload = &frame[header.len..];
            let is_text = header.opcode == frame::TEXT;
            if is_text && self.greeting && payload == handshake::PING {
                self.answer_first_ping();
            } else if !is_text || self.link.pass(payload) == Passage::Send {
                let frame = if is_text { self.replaced(payload) } else { None }
                    .unwrap_or_else(|| Bytes::copy_from_slice(frame));
                self.out.push_library(frame);
            }
            if self.link.collect(&mut self.out).close.is_some() {
                return &[];
            }
        }
        bytes
    }

    /// What goes out in place of a text message of the library.
    fn replaced(&mut self, payload: &[u8]) -> Option<Bytes> {
        match handshake::announce(payload, self.limits.load().max_payload.0) {
            Some(open) => {
                self.greeting = !self.link.client_pings.load(Ordering::Relaxed);
                Some(text_frame(open.as_bytes()))
            }
            None => self.link.compress(payload),
        }
    }

    /// Lets the library read the answer before all that the client sent.
    fn answer_first_ping(&mut self) {
        self.greeting = false;
        self.ready.extend_from_slice(&frame::masked_text(handshake::PONG));
        self.waker.wake_by_ref();
    }

    fn write_http(&mut self, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let cx = &mut Context::from_waker(&self.waker);
        let written = if self.link.phase() == Phase::Granted {
            let first = bufs.iter().find(|buf| !buf.is_empty()).map_or(&[][..], |buf| buf);
            let mut ahead = self.head_out;
            let end = ahead.find(first).unwrap_or(first.len());
            let written = Pin::new(&mut self.inner).poll_write(cx, &first[..end]);
            if let Poll::Ready(Ok(bytes)) = written
                && self.head_out.find(&first[..bytes]).is_some()
            {
                self.link.enter(Phase::Frames);
            }
            written
        } else {
            Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
        };
        match &written {
            Poll::Pending => self.link.blocked(),
            Poll::Ready(Ok(bytes)) => self.link.wrote(Written { bytes: *bytes, ..Written::default() }),
            Poll::Ready(Err(_)) => {}
        }
        written
    }

    fn write(&mut self, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let turn = self.link.turn(Side::Writer, cx.waker(), &mut self.out)?;
        if self.link.phase() != Phase::Frames {
            return self.write_http(bufs);
        }
        let len = bufs.iter().map(|buf| buf.len()).sum();
        // Behind a close frame nothing may follow; the library need not know.
        if turn.close.is_some() {
            let _ = self.drive(Side::Writer, turn)?;
            return Poll::Ready(Ok(len));
        }
        if self.out.library_bytes() > LIBRARY_BYTES {
            let _ = self.drive(Side::Writer, turn)?;
            if self.out.library_bytes() > LIBRARY_BYTES {
                return Poll::Pending;
            }
        }
        for buf in bufs {
            self.accept(buf);
        }
        let turn = self.link.collect(&mut self.out);
        let _ = self.drive(Side::Writer, turn)?;
        Poll::Ready(Ok(len))
    }

    /// Reads from the stash, else from the stream.
    fn read_raw(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.stash.is_empty() {
            return Pin::new(&mut self.inner).poll_read(cx, buf);
        }
        let piece = self.stash.split_to(self.stash.len().min(buf.remaining()));
        buf.put_slice(&piece);
        Poll::Ready(Ok(()))
    }

    fn read_http(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let from_stash = self.stash.len();
        ready!(self.read_raw(cx, buf))?;
        let new = &buf.filled()[before..];
        if from_stash == 0 {
            self.link.read(new.len());
        }
        if let Some(end) = self.head_in.find(new)
            && end < new.len()
        {
            let mut behind = BytesMut::from(&new[end..]);
            behind.extend_from_slice(&self.stash);
            self.stash = behind.freeze();
            buf.set_filled(before + end);
        }
        Poll::Ready(Ok(()))
    }

    fn read_frames(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            if !self.ready.is_empty() {
                buf.put_slice(&self.ready.split_to(self.ready.len().min(buf.remaining())));
                if self.ready.is_empty() {
                    self.ready = BytesMut::new();
                }
                return Poll::Ready(Ok(()));
            }
            if self.greeting {
                return Poll::Pending;
            }
            if self.broken.is_some() {
                self.link.end(self.broken);
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let before = buf.filled().len();
            let stashed = self.stash.clone();
            ready!(self.read_raw(cx, buf))?;
            let new = &mut buf.filled_mut()[before..];
            if new.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let rules = Rules { max_payload: self.limits.load().max_payload.0, deflate: self.link.deflates() };
            let taken = self.inbound.take(new, rules, &mut self.ready);
            self.link.read_frames(self.inbound.frames, taken.compressed);
            self.broken = taken.broken;
            if stashed.is_empty() {
                self.link.read(new.len());
                self.stash = Bytes::copy_from_slice(&new[taken.consumed..]);
            } else {
                self.stash = stashed.slice(taken.consumed..);
            }
            buf.set_filled(before + taken.passed);
            if taken.passed > 0 {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Throws away what the peer still sends: data left unread would make the kernel reset the connection, and the peer
    /// might lose the last frames.
    fn read_nothing(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scratch = [0; 4096];
        loop {
            let mut buf = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buf))?;
            if buf.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Io<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let turn = this.link.turn(Side::Reader, cx.waker(), &mut this.out)?;
        // The library always polls the reading side; so it is this side that carries pushed frames out.
        let _ = this.drive(Side::Reader, turn)?;
        match this.link.phase() {
            Phase::Http => this.read_http(cx, buf),
            Phase::Asked | Phase::Granted => Poll::Pending,
            Phase::Frames if turn.deaf => this.read_nothing(cx),
            Phase::Frames => this.read_frames(cx, buf),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Io<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().write(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().write(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let turn = this.link.turn(Side::Writer, cx.waker(), &mut this.out)?;
        if this.link.phase() != Phase::Frames {
            ready!(this.flush())?;
            this.link.polling.flushed();
            return Poll::Ready(Ok(()));
        }
        match this.drive(Side::Writer, turn)? {
            // Pushed frames may follow without an end; the library waits for its own only.
            Poll::Pending if this.out.library_bytes() > 0 => Poll::Pending,
            _ => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let turn = this.link.turn(Side::Writer, cx.waker(), &mut this.out)?;
        ready!(this.drive(Side::Writer, turn))?;
        Pin::new(&mut this.inner).poll_shutdown(&mut Context::from_waker(&this.waker))
    }
}

impl<S> Drop for Io<S> {
    fn drop(&mut self) {
        self.link.cut();
    }
}

#[cfg(test)]
mod tests;
