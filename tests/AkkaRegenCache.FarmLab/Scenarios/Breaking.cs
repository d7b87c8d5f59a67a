using AkkaRegenCache.FarmLab.Farm;
using AkkaRegenCache.FarmLab.Watching;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Scenarios;

/// <summary>What can be done to a farm; each is written down in the journal, with its times.</summary>
internal static class Breaking
{
    private static readonly TimeSpan s_leaving = TimeSpan.FromSeconds(30);

    /// <returns>To be called when its place is taken again.</returns>
    public static async Task<Action> KillNodeAsync(Lab lab, FarmNode node)
    {
        var healed = BeginDeath(lab, node);
        await node.KillAsync();
        return healed;
    }

    /// <summary>A node dies; in a cluster that has no Redis its shards are lost, and those records are not there until they are back.</summary>
    /// <param name="lab">Where it is written down.</param>
    /// <param name="node">The node.</param>
    /// <param name="from">Since when; null: now.</param>
    /// <returns>To be called when its place is taken again.</returns>
    public static Action BeginDeath(Lab lab, FarmNode node, long? from = null)
    {
        lab.Journal.Begin(FaultKind.Kill, node.Name, from)();
        if (lab.Mode.UsesRedis)
            return static () => { };
        var isDown = lab.Journal.Begin(FaultKind.StoreDown, node.Name, from);
        var isLost = lab.Journal.Begin(FaultKind.StoreLost, node.Name, from);
        return () =>
        {
            isDown();
            isLost();
        };
    }

    public static async Task PauseNodeAsync(Lab lab, FarmNode node, TimeSpan time)
    {
        var end = BeginPause(lab, node);
        node.Stop();
        try
        {
            await Wait.ForAsync(time, lab.Cancellation);
        }
        finally
        {
            node.Continue();
            end();
        }
    }

    /// <summary>A node is stopped; in a cluster without Redis the records of its shards are not there meanwhile.</summary>
    /// <returns>To be called when it goes on.</returns>
    public static Action BeginPause(Lab lab, FarmNode node)
    {
        var end = lab.Journal.Begin(FaultKind.Pause, node.Name);
        if (lab.Mode.UsesRedis)
            return end;
        var endOfStore = lab.Journal.Begin(FaultKind.StoreDown, node.Name);
        return () =>
        {
            end();
            endOfStore();
        };
    }

    /// <summary>Kills Redis and starts it again after a time.</summary>
    /// <returns>When it answered again.</returns>
    public static async Task<long> RestartRedisAsync(Lab lab, bool withData, TimeSpan downFor)
    {
        var end = lab.Journal.Begin(FaultKind.StoreDown);
        var endLoss = withData ? null : lab.Journal.Begin(FaultKind.StoreLost);
        await lab.Farm.Server!.KillAsync();
        await Wait.ForAsync(downFor, lab.Cancellation);
        var healed = await lab.Farm.StartRedisAgainAsync(withData);
        end();
        endLoss?.Invoke();
        return healed;
    }

    /// <summary>Stops Redis, so that it takes requests and never answers, and has it go on after a time.</summary>
    /// <returns>When it answered again.</returns>
    public static async Task<long> HangRedisAsync(Lab lab, TimeSpan time)
    {
        var end = lab.Journal.Begin(FaultKind.StoreDown);
        var process = lab.Farm.Server!.ProcessId;
        Signals.Stop(process);
        try
        {
            await Wait.ForAsync(time, lab.Cancellation);
        }
        finally
        {
            Signals.Continue(process);
        }

        using (var redis = await MiniRedis.ConnectAsync(lab.Farm.RedisHost, lab.Farm.RedisPort, lab.Cancellation))
            await redis.CallAsync(lab.Cancellation, "PING");
        end();
        return LabClock.Now;
    }

    public static async Task FlushAsync(Lab lab)
    {
        var end = lab.Journal.Begin(FaultKind.StoreLost);
        using (var redis = await MiniRedis.ConnectAsync(lab.Farm.RedisHost, lab.Farm.RedisPort, lab.Cancellation))
            await redis.CallAsync(lab.Cancellation, "FLUSHALL");
        end();
    }

    /// <summary>SIGTERM: the node is drained and leaves; the next incarnation takes its place.</summary>
    public static async Task RestartNodeAsync(Lab lab, FarmNode node)
    {
        await node.LeaveAsync(s_leaving);
        await lab.Farm.StartNodeAsync(node.Slot, lab.Cancellation);
    }
}
