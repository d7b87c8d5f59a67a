using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>What happens at intervals: the sign of life to the others with all that has gathered for it, and the looks for what may have been missed.</summary>
internal sealed class Pulse(Kernel kernel, StoreGate storeGate, StoreHealth storeHealth, Coordinators coordinators, Activity activity, Telling telling, Checking checking, Hearing hearing) : Component(kernel)
{
    private static readonly long s_publisherForgotten = TimeSpan.FromMinutes(2).Ticks;

    public void ServePulse()
    {
        if (Kernel.PulseAt > Now)
            return;
        Kernel.PulseAt = telling.Sequence > 0 || Kernel.Keys.Count > 0 || hearing.Publishers.Count > 0 ? Now + Settings.Heartbeat : long.MaxValue;
        if (activity.Touches.Count > 0)
        {
            foreach (var part in activity.Touches.GroupBy(t => Kernel.PartOf(t.Key)).ToArray())
            {
                storeGate.Send(new StoreCall
                {
                    Activities = [.. part.Select(t => new KeyActivity(t.Key, TimeSpan.FromTicks(Math.Max(0, t.ActiveUntil - Now))))],
                    Part = part.Key,
                });
            }

            activity.Touches.Clear();
        }

        if (telling.UnsureAt <= Now)
        {
            telling.UnsureAt = long.MaxValue;
            telling.Sequence++;
            checking.OnGap();
        }

        // From its first key on, also before it has anything to tell: a node that is known is missed when it dies.
        if (telling.Sequence > 0 || Kernel.Keys.Count > 0)
        {
            Out.Send(Peer.Bus, new CacheNotification
            {
                Publisher = Settings.NodeId,
                Sequence = telling.LastTold(),
                Kind = NotificationKind.Heartbeat,
                Life = Kernel.Lives[0],
            });
        }

        coordinators.TellOffers();
        storeHealth.AskForLife();
        if (checking.RecheckAt <= Now)
        {
            checking.RecheckAt = long.MaxValue;
            checking.StartCheck();
        }

        if (checking.SweepAt == 0)
            checking.SweepAt = Now + Checking.Sweep;
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
