using System.Collections.Concurrent;
using AkkaRegenCache.Notifications;

namespace AkkaRegenCache.Hosting;

/// <summary>
/// The notifications of a node in a cluster whose store carries some, too: nodes outside the cluster, on the store alone or in another cluster, hear and are
/// heard as well.
/// </summary>
/// <remarks>
/// <para>
/// Inside of one cluster nothing is sent twice but heartbeats: they tell who is there, and their numbers tell an outsider what it has missed. All else goes
/// through the store only while an outsider is known, or while this node is no member.
/// </para>
/// <para>
/// Each publisher is followed on one way at a time: through the cluster, where it is heard there, and else through the store. Two ways are not equally fast, so
/// whoever followed both would take a number that is still under way on one of them for a gap, and compare all its entries. What comes on both when the way
/// changes is passed on once.
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
    /// <summary>So many heartbeats through the store, and none through the cluster in between, make a node an outsider.</summary>
    internal const int UnheardHeartbeats = 3;

    /// <summary>For how long something is sent on for the sake of an outsider that is silent.</summary>
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
            // The echo of what was published here: it makes nobody an outsider.
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

    /// <summary>Another node: on which way it is followed, and what was heard of it.</summary>
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

            // What is so late can't be told from a repeat; the cache takes a repeat, too.
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
