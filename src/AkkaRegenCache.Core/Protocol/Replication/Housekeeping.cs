using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>What happens at intervals: the sign of life to the others with all that has gathered for it, and the looks for what may have been missed.</summary>
internal sealed class Housekeeping(Kernel kernel, StoreGate storeGate, StoreHealth storeHealth, Coordinators coordinators, Activity activity, Publishing publishing, AntiEntropy checking, Receiving hearing) : Component(kernel)
{
    private static readonly long s_publisherForgotten = TimeSpan.FromMinutes(2).Ticks;

    public void ServePulse()
    {
        if (Kernel.HousekeepingAt > Now)
            return;
        Kernel.HousekeepingAt = publishing.Sequence > 0 || Kernel.Keys.Count > 0 || hearing.Publishers.Count > 0 ? Now + Settings.Heartbeat : long.MaxValue;
        if (activity.Touches.Count > 0)
        {
            foreach (var part in activity.Touches.GroupBy(t => Kernel.PartitionOf(t.Key)).ToArray())
            {
                storeGate.Send(new TouchCall
                {
                    Activities = [.. part.Select(t => new KeyActivity(t.Key, TimeSpan.FromTicks(Math.Max(0, t.ActiveUntil - Now))))],
                    Partition = part.Key,
                });
            }

            activity.Touches.Clear();
        }

        if (publishing.UnsureAt <= Now)
        {
            publishing.UnsureAt = long.MaxValue;
            publishing.Sequence++;
            checking.OnGap();
        }

        // From its first key on, also before it has anything to tell: a node that is known is missed when it dies.
        if (publishing.Sequence > 0 || Kernel.Keys.Count > 0)
        {
            Out.Send(Peer.Bus, new CacheNotification
            {
                Publisher = Settings.NodeId,
                Sequence = publishing.LastTold(),
                Kind = NotificationKind.Heartbeat,
                Epoch = Kernel.Epochs[0],
            });
        }

        coordinators.TellOffers();
        storeHealth.AskForSignOfLife();
        if (checking.RecheckAt <= Now)
        {
            checking.RecheckAt = long.MaxValue;
            checking.StartCheck();
        }

        if (checking.SweepAt == 0)
            checking.SweepAt = Now + AntiEntropy.Sweep;
        else if (checking.SweepAt <= Now)
            checking.StartSweep();
        foreach (var (name, publisher) in hearing.Publishers)
        {
            if (Now - publisher.HeardAt > s_publisherForgotten)
            {
                hearing.Publishers.Remove(name);
            }
            else if (Now >= publisher.SilentAt)
            {
                // Dead, cut off, or gone: its last notification may have been lost with it. Asked again ever less often.
                publisher.SilentAt = Now + (2 * (Now - publisher.HeardAt));
                checking.OnGap();
            }
        }
    }
}
