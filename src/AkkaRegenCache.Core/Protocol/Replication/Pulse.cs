using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

internal sealed class Pulse(Kernel kernel) : Component(kernel)
{
    private static readonly long s_publisherForgotten = TimeSpan.FromMinutes(2).Ticks;

    public long LateUntil { get; set; }

    public static readonly long Lateness = TimeSpan.FromMilliseconds(250).Ticks;

    public long PulseAt { get; set; } = long.MaxValue;

    public void ServePulse()
    {
        if (PulseAt > Now)
            return;
        PulseAt = Telling.Sequence > 0 || Kernel.Keys.Count > 0 || Hearing.Publishers.Count > 0 ? Now + Settings.Heartbeat : long.MaxValue;
        if (Activity.Touches.Count > 0)
        {
            foreach (var part in Activity.Touches.GroupBy(t => Kernel.PartOf(t.Key)).ToArray())
            {
                StoreGate.Send(new StoreCall
                {
                    Activities = [.. part.Select(t => new KeyActivity(t.Key, TimeSpan.FromTicks(Math.Max(0, t.ActiveUntil - Now))))],
                    Part = part.Key,
                });
            }

            Activity.Touches.Clear();
        }

        if (Telling.UnsureAt <= Now)
        {
            Telling.UnsureAt = long.MaxValue;
            Telling.Sequence++;
            Checking.OnGap();
        }

        // From its first key on, also before it has anything to tell: a node that is known is missed when it dies.
        if (Telling.Sequence > 0 || Kernel.Keys.Count > 0)
        {
            Out.Send(Peer.Bus, new CacheNotification
            {
                Publisher = Settings.NodeId,
                Sequence = Telling.LastTold(),
                Kind = NotificationKind.Heartbeat,
                Life = Kernel.Lives[0],
            });
        }

        Coordinators.TellOffers();
        StoreHealth.AskForLife();
        if (Checking.RecheckAt <= Now)
        {
            Checking.RecheckAt = long.MaxValue;
            Checking.StartCheck();
        }

        if (Checking.SweepAt == 0)
            Checking.SweepAt = Now + Checking.Sweep;
        else if (Checking.SweepAt <= Now)
            Checking.StartSweep();
        foreach (var (name, publisher) in Hearing.Publishers)
        {
            if (Now - publisher.HeardAt > s_publisherForgotten)
            {
                Hearing.Publishers.Remove(name);
            }
            else if (Now >= publisher.SilentAt)
            {
                // Dead, cut off, or gone: its last notification may have been lost with it. Asked again ever less often.
                publisher.SilentAt = Now + (2 * (Now - publisher.HeardAt));
                Checking.OnGap();
            }
        }
    }

    /// <summary>
    /// A pulse that comes far too late tells that this node was paused. Notifications that lay in its queue meanwhile give no value then:
    /// for how long one is still good, only the store can say.
    /// </summary>
    public void NoteLateness()
    {
        if (PulseAt != long.MaxValue && Now - PulseAt > Lateness)
            LateUntil = Now + Lateness;
    }
}
