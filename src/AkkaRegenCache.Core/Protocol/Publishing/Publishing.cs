using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>Publishes notifications, each with the next number, so that others notice a missed one.</summary>
/// <remarks>
/// If the store announces a commit by itself, its number is given out before the commit is answered, and does not count as published until
/// then. For a change of which it is unknown whether it was done, a number is left out: every other node then compares.
/// </remarks>
internal sealed class Publishing(Kernel kernel, Coordinators coordinators) : Component(kernel)
{
    /// <summary>The numbers of commits that the store announces, oldest first, also those that are done.</summary>
    private readonly Queue<(Flight Flight, long Number)> _announced = new();

    /// <summary>A notification that takes longer than this is late.</summary>
    public static readonly long Lateness = TimeSpan.FromMilliseconds(250).Ticks;

    public long Sequence { get; set; }

    public long UnsureAt { get; set; } = long.MaxValue;

    public void PublishFresh(string key, CachePayload payload, ChangeAnswer answer, long lifetime, bool isAwaited = false) =>
        Publish(new CacheNotification
    {
        Publisher = Settings.NodeId,
        Sequence = NextSequence(),
        Kind = NotificationKind.Fresh,
        Epoch = Kernel.Epochs[Kernel.PartitionOf(key)],
        Key = key,
        Token = answer.Token,
        Payload = payload.Size <= Settings.InlineBytes ? payload : null,
        FreshFor = TimeSpan.FromTicks(lifetime),
        DueIn = answer.DueIn,
        ActiveFor = answer.ActiveFor,
    }, isAwaited);

    /// <summary>
    /// The store announces the commit in the step in which it accepts it. The number is given out now, so that later notifications of this
    /// node have higher numbers and arrive later on the same channel.
    /// </summary>
    public CommitAnnouncement Announce(Flight flight, CachePayload payload)
    {
        Kernel.WakeHousekeeping();
        var announcement = new CommitAnnouncement(Settings.NodeId, NextSequence(), payload.Size <= Settings.InlineBytes);
        _announced.Enqueue((flight, announcement.Sequence));
        return announcement;
    }

    /// <summary>The last published number. Heartbeats exclude commits in flight: a peer that compared against one would miss it.</summary>
    public long LastPublished()
    {
        while (_announced.TryPeek(out var oldest) && oldest.Flight.IsEnded)
            _announced.Dequeue();
        return _announced.TryPeek(out var first) ? first.Number - 1 : Sequence;
    }

    /// <summary>
    /// The announcement of a slow commit comes after later numbers were published. If it is lost, no gap follows, so a number is left out
    /// on purpose.
    /// </summary>
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
        Kernel.WakeHousekeeping();
    }

    private long NextSequence() => ++Sequence;

    /// <summary>
    /// It is unknown whether a change was done or will be done. Once it can't be under way any more, a number is left out, so that every
    /// other node compares.
    /// </summary>
    public void NoteUnsure() => UnsureAt = Now + Delays.Repair;
}
