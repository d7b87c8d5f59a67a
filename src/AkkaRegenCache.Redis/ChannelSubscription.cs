using AkkaRegenCache.Runtime;
using StackExchange.Redis;

namespace AkkaRegenCache.Redis;

/// <summary>
/// Hears one channel for all who listen to it in this process, from the first of them to the last.
/// </summary>
/// <remarks>
/// The client renews subscriptions on a new connection, but not always: one whose first try failed, or whose renewal fell into the next outage,
/// may never stand again, without an error. So a subscription listens for itself. What is published here must be heard here; when it isn't, the
/// subscription is made again. Every node that has something to say or to hear sends heartbeats, so this is noticed within two of them.
/// </remarks>
/// <param name="channel">Finds the channel; fails while there is no connection.</param>
/// <param name="onFailed">Told of the first failure to subscribe.</param>
/// <param name="onSilent">Told when the subscription is found silent.</param>
/// <param name="canReconnect">Whether another connection takes the place of one that was disposed.</param>
/// <param name="time">The clock.</param>
#pragma warning disable CA1001 // A cancelled source without a timer holds nothing.
internal sealed class ChannelSubscription(
    Func<Task<(ISubscriber Subscriber, RedisChannel Channel)>> channel, Action<Exception> onFailed, Action onSilent,
    Func<bool> canReconnect, TimeProvider time)
#pragma warning restore CA1001
{
    private static readonly TimeSpan s_retry = TimeSpan.FromMilliseconds(250);

    /// <summary>What was published is heard within this, or the subscription is silent. A mistake costs a subscription, and at worst a check.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(400);

    private readonly Lock _gate = new();
    private volatile Action<byte[]>[] _handlers = [];
    private CancellationTokenSource? _listening;
    private long _heard;
    private long _unheardSince;
    private bool _stands;

    /// <summary>Adds a listener.</summary>
    /// <returns>Removes it.</returns>
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

    /// <summary>How often something was heard. Taken before something is published, it tells afterwards whether its echo may have come already.</summary>
    public long Heard => Volatile.Read(ref _heard);

    /// <summary>Redis has taken something for this channel: it must come back.</summary>
    /// <param name="heardBefore"><see cref="Heard"/>, as it was before that was published.</param>
    public void OnPublished(long heardBefore)
    {
        var since = Volatile.Read(ref _unheardSince);
        if (since == 0)
        {
            // The echo often comes before the answer that it was published, and must not be waited for then: a lone idle node would hear nothing else.
            Interlocked.CompareExchange(ref _unheardSince, time.GetTimestamp(), 0);
            if (Heard != heardBefore)
                Volatile.Write(ref _unheardSince, 0);
            return;
        }

        if (time.GetElapsedTime(since) < s_patience)
            return;
        lock (_gate)
        {
            // Not while it is being made: then nothing can be heard, and the try goes on until it stands.
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

    /// <summary>In a context of its own: the subscription outlives whoever listens first, or publishes when it is found silent.</summary>
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
            // The client may remember the failed one, and then take the next for an addition to it.
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

        // Only this handler: another cache of the process may hear the same channel on the same connection.
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
            // The connection is gone, and the subscription with it.
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
