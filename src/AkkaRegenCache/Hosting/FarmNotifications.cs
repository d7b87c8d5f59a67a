using System.Collections.Concurrent;
using AkkaRegenCache.Notifications;

namespace AkkaRegenCache.Hosting;

/// <summary>
/// The notifications of a node in a cluster whose store carries notifications, too: nodes outside the cluster (on the store alone, or in
/// another cluster) also send and receive them.
/// </summary>
/// <remarks>
/// <para>
/// Within one cluster only heartbeats are sent twice: they show which nodes exist, and their numbers show an outside node what it has
/// missed. All other notifications go through the store only while an outside node is known, or while this node is not a member.
/// </para>
/// <para>
/// Each publisher is followed on one path at a time: through the cluster if it is heard there, and otherwise through the store. The two
/// paths are not equally fast. A node that followed both would take a number that is still under way on one of them for a gap, and compare
/// all its entries. Notifications that come on both paths while the path changes are passed on once.
/// </para>
/// <para>Thread-safe. For one node of one cache, which subscribes once.</para>
/// </remarks>
/// <param name="cluster">Reaches the members of the cluster.</param>
/// <param name="outside">Reaches all nodes on the store.</param>
/// <param name="isMember">Whether this node is a member of the cluster.</param>
/// <param name="time">The clock.</param>
internal sealed class FarmNotifications(INotificationBus cluster, INotificationBus outside, Func<bool> isMember, TimeProvider time)
    : INotificationBus, IReturnsAtOnce
{
    /// <summary>
    /// A node becomes an outside node after this number of heartbeats through the store with none through the cluster in between.
    /// </summary>
    internal const int UnheardHeartbeats = 3;

    /// <summary>How long notifications are sent through the store for an outside node that is silent.</summary>
    internal static readonly TimeSpan Forgotten = TimeSpan.FromMinutes(2);

    private readonly ConcurrentDictionary<string, Publisher> _publishers = new(StringComparer.Ordinal);
    private volatile string? _own;
    private volatile bool _hasOutsiders;

    /// <inheritdoc/>
    public async ValueTask PublishAsync(string cacheName, CacheNotification notification)
    {
        ArgumentNullException.ThrowIfNull(notification);
        _own = notification.Publisher;
        if (notification.Kind == NotificationKind.Heartbeat)
            LookForOutsiders();
        await cluster.PublishAsync(cacheName, notification).ConfigureAwait(false);
        if (notification.Kind == NotificationKind.Heartbeat || _hasOutsiders || !isMember())
            await outside.PublishAsync(cacheName, notification).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public IDisposable Subscribe(string cacheName, Action<CacheNotification> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        var inside = cluster.Subscribe(cacheName, heard =>
        {
            if (Of(heard).IsNewInCluster(heard, time.GetTimestamp()))
                handler(heard);
        });
        return new Subscriptions(inside, outside.Subscribe(cacheName, heard =>
        {
            // The echo of this node's own publication does not make any node an outside node.
            if (heard.Publisher == _own || !Of(heard).IsNewOutside(heard, time.GetTimestamp(), out var isOutsider))
                return;
            if (isOutsider)
                _hasOutsiders = true;
            handler(heard);
        }));
    }

    private Publisher Of(CacheNotification heard) => _publishers.GetOrAdd(heard.Publisher, static _ => new Publisher());

    private void LookForOutsiders()
    {
        var any = false;
        foreach (var (name, publisher) in _publishers)
        {
            if (time.GetElapsedTime(publisher.HeardAt) > Forgotten)
                _publishers.TryRemove(name, out _);
            else
                any |= publisher.IsOutsider;
        }

        _hasOutsiders = any;
    }

    /// <summary>Another node: the path on which it is followed, and the numbers heard of it.</summary>
    private sealed class Publisher
    {
        private readonly Lock _gate = new();
        private int _unheard = UnheardHeartbeats;
        private long _last;

        /// <summary>Which of the last 64 numbers were heard, the newest in the lowest bit.</summary>
        private ulong _heard;
        private long _heardAt;

        public long HeardAt => Volatile.Read(ref _heardAt);

        public bool IsOutsider => Volatile.Read(ref _unheard) >= UnheardHeartbeats;

        public bool IsNewInCluster(CacheNotification heard, long now)
        {
            lock (_gate)
            {
                Volatile.Write(ref _heardAt, now);
                Volatile.Write(ref _unheard, 0);
                return IsNew(heard);
            }
        }

        public bool IsNewOutside(CacheNotification heard, long now, out bool isOutsider)
        {
            lock (_gate)
            {
                Volatile.Write(ref _heardAt, now);
                if (!IsOutsider && heard.Kind == NotificationKind.Heartbeat)
                    Volatile.Write(ref _unheard, _unheard + 1);
                isOutsider = IsOutsider;
                return isOutsider && IsNew(heard);
            }
        }

        private bool IsNew(CacheNotification heard)
        {
            if (!heard.IsNumbered)
                return true;
            var ahead = heard.Sequence - _last;
            if (ahead > 0)
            {
                _heard = ahead < 64 ? (_heard << (int)ahead) | 1 : 1;
                _last = heard.Sequence;
                return true;
            }

            // Too late to tell from a repeat; the cache accepts repeats.
            if (ahead <= -64)
                return true;
            var bit = 1UL << (int)-ahead;
            var isNew = (_heard & bit) == 0;
            _heard |= bit;
            return isNew;
        }
    }

    private sealed class Subscriptions(IDisposable inside, IDisposable outside) : IDisposable
    {
        public void Dispose()
        {
            inside.Dispose();
            outside.Dispose();
        }
    }
}
