namespace AkkaRegenCache.Simulation;

/// <content>What a store evicts: it costs time, and no promise but those that nothing but the record could have kept.</content>
internal sealed partial class Oracle
{
    public void StoreEvicted(string key, bool value, bool state)
    {
        Mark($"store evicted{(value ? " value" : "")}{(state ? " state" : "")}");
        var model = Model(key);
        if (value)
        {
            model.Value = null;
            model.RecordEnds = 0;
        }

        if (state)
            model.ClaimToken = model.LeaseEnds = 0;
        if (value && state)
            model.DueAt = 0;
    }

    /// <summary>What is repeated now may be done again.</summary>
    public void OperationsLost()
    {
        Mark("store evicted first answers");
        _operations.Clear();
    }
}
