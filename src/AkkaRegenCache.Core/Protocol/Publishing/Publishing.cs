using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>What this node tells the others: notifications, each with the next number, so that a missed one is noticed.</summary>
/// <remarks>
/// The number of a commit that the store announces by itself is given out before the commit is answered, and is not taken for told until then. What may have been done or not
/// is told by a number left out: everybody compares.
/// </remarks>
internal sealed class Publishing(Kernel kernel, Coordinators coordinators) : Component(kernel)
{
    /// <summary>The numbers of commits that tell of themselves, oldest first, with those that are done.</summary>
    private readonly Queue<(Flight Flight, long Number)> _announced = new();

    /// <summary>What takes longer is late.</summary>
    public static readonly long Lateness = TimeSpan.FromMilliseconds(250).Ticks;

    public long Sequence { get; set; }

    public long UnsureAt { get; set; } = long.MaxValue;

    public void PublishFresh(string key, CachePayload payload, ChangeAnswer answer, long life, bool isAwaited = false) => Publish(new CacheNotification
    {
        Publisher = Settings.NodeId,
        Sequence = NextSequence(),
        Kind = NotificationKind.Fresh,
        Epoch = Kernel.Epochs[Kernel.PartitionOf(key)],
        Key = key,
        Token = answer.Token,
        Payload = payload.Size <= Settings.InlineBytes ? payload : null,
        FreshFor = TimeSpan.FromTicks(life),
        DueIn = answer.DueIn,
        ActiveFor = answer.ActiveFor,
    }, isAwaited);

    /// <summary>
    /// The store tells the others in the step in which it accepts. The number is given out now: what this node sends later comes later, on the same
    /// way.
    /// </summary>
    public CommitAnnouncement Announce(Flight flight, CachePayload payload)
    {
        Kernel.WakePulse();
        var announcement = new CommitAnnouncement(Settings.NodeId, NextSequence(), payload.Size <= Settings.InlineBytes);
        _announced.Enqueue((flight, announcement.Sequence));
        return announcement;
    }

    /// <summary>
    /// The newest number that others must have heard: not that of a commit which the store hasn't answered. Whoever missed it would compare too early, and
    /// never again.
    /// </summary>
    public long LastTold()
    {
        while (_announced.TryPeek(out var oldest) && oldest.Flight.IsEnded)
            _announced.Dequeue();
        return _announced.TryPeek(out var first) ? first.Number - 1 : Sequence;
    }

    /// <summary>A commit that took long has told of itself when later numbers were out already: should that be lost, only a number left out is noticed.</summary>
    public void NoteLateAnnouncement(CommitCall call, CommitAnnouncement announcement)
    {
        if (announcement.Sequence < Sequence && (call.Attempt > 0 || Now - call.IssuedAt > Lateness))
            NoteUnsure();
    }

    public void PublishEnd(NotificationKind kind, Flight flight, CachePayload? payload = null, GenerationFailure? failure = null) =>
        Publish(new CacheNotification
        {
            Publisher = Settings.NodeId,
            Sequence = NextSequence(),
            Kind = kind,
            Epoch = Kernel.Epochs[flight.State.Partition],
            Key = flight.State.Key,
            Token = flight.Token,
            Payload = payload,
            Failure = failure,
        }, withValue: true);

    public void PublishRemoved(string key, long token) => Publish(new CacheNotification
    {
        Publisher = Settings.NodeId,
        Sequence = NextSequence(),
        Kind = NotificationKind.Removed,
        Epoch = Kernel.Epochs[Kernel.PartitionOf(key)],
        Key = key,
        Token = token,
    });

    private void Publish(CacheNotification notification, bool withValue = false)
    {
        Out.Send(Peer.Bus, notification);
        coordinators.TellOutcome(notification, withValue);
        Kernel.WakePulse();
    }

    private long NextSequence() => ++Sequence;

    /// <summary>
    /// A change may have been done or not, or may be done yet. What would tell the others is made a notification that they missed: a number
    /// left out, once the change can't be on its way any longer, and everybody checks.
    /// </summary>
    public void NoteUnsure() => UnsureAt = Now + Delays.Repair;
}
