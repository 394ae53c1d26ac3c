//! A connection that gives up on whoever does not read what they asked for.
//!
//! A write that makes no progress for a while fails, and with it the connection: otherwise a
//! client that opens a stream and never reads it would hold its place for ever. Once the server
//! is stopping the patience is shorter.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep};

/// Within which a write must go on once the server is stopping.
const STOPPING_TIME_MAX: Duration = Duration::from_secs(2);

/// A connection whose writes must go on within a time.
pub(crate) struct Patient<S> {
    stream: S,
    time_max: Duration,
    /// Ready when the server is stopping; `None` when that was seen.
    stopping: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// Ready when the write that waits has waited too long.
    too_long: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub(crate) fn new(stream: S, time_max: Duration, mut stopping: watch::Receiver<bool>) -> Self {
        let stopping = async move {
            // Whoever would say so is gone only after everything else.
            stopping.wait_for(|stopping| *stopping).await.ok();
        };
        Self { stream, time_max, stopping: Some(Box::pin(stopping)), too_long: None }
    }

    /// Passes on what a write came to, but fails one that has waited too long.
    fn judged<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.too_long = None;
            return written;
        }
        let time_max = self.time_max;
        let too_long = self.too_long.get_or_insert_with(|| Box::pin(sleep(time_max)));
        if let Some(stopping) = &mut self.stopping
            && stopping.as_mut().poll(context).is_ready()
        {
            self.stopping = None;
            self.time_max = time_max.min(STOPPING_TIME_MAX);
            let latest = Instant::now() + self.time_max;
            if too_long.deadline() > latest {
                too_long.as_mut().reset(latest);
            }
        }
        let failed = || Err(io::Error::new(io::ErrorKind::TimedOut, "what was asked for is not read"));
        too_long.as_mut().poll(context).map(|()| failed())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judged(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.judged(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.judged(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.judged(shut, context)
    }
}
