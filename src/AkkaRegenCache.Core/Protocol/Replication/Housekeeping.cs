using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>The periodic work: heartbeats with the messages collected for them, and checks for missed changes.</summary>
internal sealed class Housekeeping(
    Kernel kernel,
    StoreGate storeGate,
    StoreHealth storeHealth,
    Coordinators coordinators,
    Activity activity,
    Publishing publishing,
    AntiEntropy antiEntropy,
    Receiving receiving) : Component(kernel)
{
    private static readonly long s_publisherForgotten = TimeSpan.FromMinutes(2).Ticks;

    public void ServeHousekeeping()
    {
        if (Kernel.HousekeepingAt > Now)
            return;
        Kernel.HousekeepingAt = publishing.Sequence > 0 || Kernel.Keys.Count > 0 || receiving.Publishers.Count > 0
            ? Now + Settings.Heartbeat
            : long.MaxValue;
        if (activity.Touches.Count > 0)
        {
            foreach (var partition in activity.Touches.GroupBy(t => Kernel.PartitionOf(t.Key)).ToArray())
            {
                storeGate.Send(new TouchCall
                {
                    Activities = [.. partition.Select(t => new KeyActivity(t.Key, TimeSpan.FromTicks(Math.Max(0, t.ActiveUntil - Now))))],
                    Partition = partition.Key,
                });
            }

            activity.Touches.Clear();
        }

        if (publishing.UnsureAt <= Now)
        {
            publishing.UnsureAt = long.MaxValue;
            publishing.Sequence++;
            antiEntropy.OnGap();
        }

        // From its first key on, even before its first notification: a node is missed only if others know it.
        if (publishing.Sequence > 0 || Kernel.Keys.Count > 0)
        {
            Out.Send(Peer.Bus, new CacheNotification
            {
                Publisher = Settings.NodeId,
                Sequence = publishing.LastPublished(),
                Kind = NotificationKind.Heartbeat,
                Epoch = Kernel.Epochs[0],
            });
        }

        coordinators.TellOffers();
        storeHealth.ProbeIfQuiet();
        if (antiEntropy.RecheckAt <= Now)
        {
            antiEntropy.RecheckAt = long.MaxValue;
            antiEntropy.StartCheck();
        }

        if (antiEntropy.SweepAt == 0)
            antiEntropy.SweepAt = Now + AntiEntropy.Sweep;
        else if (antiEntropy.SweepAt <= Now)
            antiEntropy.StartSweep();
        foreach (var (name, publisher) in receiving.Publishers)
        {
            if (Now - publisher.HeardAt > s_publisherForgotten)
            {
                receiving.Publishers.Remove(name);
            }
            else if (Now >= publisher.SilentAt)
            {
                // The publisher is dead, partitioned or has left: its last notification may be lost. The interval to the next check grows.
                publisher.SilentAt = Now + (2 * (Now - publisher.HeardAt));
                antiEntropy.OnGap();
            }
        }
    }
}
