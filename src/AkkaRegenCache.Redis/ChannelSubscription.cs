using AkkaRegenCache.Runtime;
using StackExchange.Redis;

namespace AkkaRegenCache.Redis;

/// <summary>One subscription to a channel for all handlers in this process, from the first of them to the last.</summary>
/// <remarks>
/// The client renews subscriptions on a new connection, but not always: one whose first try failed, or whose renewal fell into the next
/// outage, may never be active again, without an error. So a subscription checks itself. What is published here must be received here; if
/// it is not, the subscription is renewed. Every node with keys sends heartbeats, so a silent subscription is noticed within two of them.
/// </remarks>
/// <param name="channel">Returns the channel's name; fails while there is no connection.</param>
/// <param name="onFailed">Called on the first failure to subscribe.</param>
/// <param name="onSilent">Called when the subscription is found silent.</param>
/// <param name="canReconnect">Whether a disposed connection is replaced by another one.</param>
/// <param name="time">The clock.</param>
#pragma warning disable CA1001 // A cancelled source without a timer holds nothing.
internal sealed class ChannelSubscription(
    Func<Task<(ISubscriber Subscriber, RedisChannel Channel)>> channel, Action<Exception> onFailed, Action onSilent,
    Func<bool> canReconnect, TimeProvider time)
#pragma warning restore CA1001
{
    private static readonly TimeSpan s_retry = TimeSpan.FromMilliseconds(250);

    /// <summary>
    /// The longest time in which a published message must be received, or the subscription is silent. A mistake costs a subscription, and
    /// at worst a comparison.
    /// </summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(400);

    private readonly Lock _gate = new();
    private volatile Action<byte[]>[] _handlers = [];
    private CancellationTokenSource? _listening;
    private long _heard;
    private long _unheardSince;
    private bool _stands;

    /// <summary>Adds a handler.</summary>
    /// <returns>To be disposed to remove it.</returns>
    public IDisposable Add(Action<byte[]> handler)
    {
        var listener = new Listener(this, handler);
        lock (_gate)
        {
            _handlers = [.. _handlers, listener.Handle];
            if (_listening is null)
            {
                _listening = new CancellationTokenSource();
                Run(_listening.Token);
            }
        }

        return listener;
    }

    /// <summary>
    /// The number of messages received. Read before a message is published, it tells afterwards whether its echo may have come already.
    /// </summary>
    public long Heard => Volatile.Read(ref _heard);

    /// <summary>Redis has accepted a message for this channel, so it must be received here.</summary>
    /// <param name="heardBefore"><see cref="Heard"/>, as it was before the message was published.</param>
    public void OnPublished(long heardBefore)
    {
        var since = Volatile.Read(ref _unheardSince);
        if (since == 0)
        {
            // The echo often comes before the reply to the publication. It must not be awaited then: a lone idle node would receive nothing
            // else.
            Interlocked.CompareExchange(ref _unheardSince, time.GetTimestamp(), 0);
            if (Heard != heardBefore)
                Volatile.Write(ref _unheardSince, 0);
            return;
        }

        if (time.GetElapsedTime(since) < s_patience)
            return;
        lock (_gate)
        {
            // Not while the subscription is being made: nothing can be received then, and the tries go on until it is active.
            if (!_stands || _listening is not { } listening)
                return;
            listening.Cancel();
            _listening = new CancellationTokenSource();
            Run(_listening.Token);
        }

        onSilent();
    }

    private void Remove(Action<byte[]> handler)
    {
        lock (_gate)
        {
            _handlers = Array.FindAll(_handlers, each => each != handler);
            if (_handlers.Length > 0)
                return;
            _listening?.Cancel();
            _listening = null;
        }
    }

    /// <summary>In its own context: the subscription outlives its first handler, and the publisher that finds it silent.</summary>
    private void Run(CancellationToken ending) => _ = OwnContext.Run(() => RunAsync(ending));

    private async Task RunAsync(CancellationToken ending)
    {
        lock (_gate)
            _stands = false;
        for (var isFirst = true; !ending.IsCancellationRequested; isFirst = false)
        {
            try
            {
                await SubscribeAsync(ending).ConfigureAwait(false);
                return;
            }
            catch (ObjectDisposedException) when (!canReconnect())
            {
                return;
            }
            catch (Exception e)
            {
                if (isFirst && !ending.IsCancellationRequested)
                    onFailed(e);
            }

            await Task.Delay(s_retry, ending).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task SubscribeAsync(CancellationToken ending)
    {
        var (subscriber, name) = await channel().ConfigureAwait(false);
        Action<RedisChannel, RedisValue> hear = (_, message) => Hear(message, ending);
        try
        {
            await subscriber.SubscribeAsync(name, hear).ConfigureAwait(false);
        }
        catch
        {
            // The client may remember the failed subscription, and would add the next one to it.
            _ = EndAsync(subscriber, name, hear);
            throw;
        }

        lock (_gate)
        {
            if (!ending.IsCancellationRequested)
            {
                Volatile.Write(ref _unheardSince, 0);
                _stands = true;
            }
        }

        // Only this handler: another cache of the process may have the same channel on the same connection.
        ending.UnsafeRegister(_ => _ = EndAsync(subscriber, name, hear), null);
    }

    private static async Task EndAsync(ISubscriber subscriber, RedisChannel name, Action<RedisChannel, RedisValue> hear)
    {
        try
        {
            await subscriber.UnsubscribeAsync(name, hear).ConfigureAwait(false);
        }
        catch (Exception)
        {
            // The connection is gone, and its subscription too.
        }
    }

    private void Hear(RedisValue message, CancellationToken ending)
    {
        if (ending.IsCancellationRequested)
            return;
        Interlocked.Increment(ref _heard);
        Volatile.Write(ref _unheardSince, 0);
        var bytes = (byte[]?)message ?? [];
        foreach (var handler in _handlers)
            handler(bytes);
    }

    private sealed class Listener : IDisposable
    {
        private readonly ChannelSubscription _subscription;
        private volatile bool _hasLeft;

        public Listener(ChannelSubscription subscription, Action<byte[]> handler)
        {
            _subscription = subscription;
            Handle = bytes =>
            {
                if (!_hasLeft)
                    handler(bytes);
            };
        }

        public Action<byte[]> Handle { get; }

        public void Dispose()
        {
            _hasLeft = true;
            _subscription.Remove(Handle);
        }
    }
}
