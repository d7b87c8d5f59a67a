namespace AkkaRegenCache.Simulation;

/// <content>A node that was cut off from the store is back.</content>
internal sealed partial class Oracle
{
    /// <summary>
    /// After this nothing is shown that was changed before. What is known to be amiss is looked at again within 1.25 s, or as soon as a
    /// probe is answered (half a second); what was missed is noticed with the next number heard (half a second) and compared at once, or a
    /// second later where that was tried too early.
    /// </summary>
    private static readonly long s_madeGood = SimOptions.Millis(2000);

    /// <summary>The store can be asked again, and the others be heard.</summary>
    public void Returned(SimNode node)
    {
        var since = world.Now;
        if (!world.Options.IsReturnCertain)
            return;
        world.After(s_madeGood, () =>
        {
            if (!node.IsAlive || world.IsCutOff(node) || _cutOffAt > since)
                return;
            Mark("back from being cut off");
            foreach (var (key, shown) in node.Memory)
            {
                var model = Model(key);
                if (model.ChangedAt < since && shown.Value.BornAt < model.ChangedAt && model.RecordEnds > world.Store.Clock && !(shown.Value.IsSet && !shown.Committed))
                    world.Fail($"5: {node.Id} shows {shown.Value} {(world.Now - since) / 10_000} ms after it could reach the store again, past a change at {model.ChangedAt / 10_000} ms");
            }
        });
    }

    private long _cutOffAt = long.MinValue;

    public void CutOff()
    {
        Mark("cut off from the store");
        _cutOffAt = world.Now;
    }
}
