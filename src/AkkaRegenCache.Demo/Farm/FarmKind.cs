namespace AkkaRegenCache.Demo.Farm;

/// <summary>How the nodes of a farm are started, and what they share.</summary>
internal abstract class FarmKind
{
    /// <summary>Where the nodes run, and on what: completes "nodes A, B, C started …".</summary>
    public abstract string Where { get; }

    /// <summary>Whether the nodes are an Akka cluster.</summary>
    public virtual bool IsCluster => false;

    /// <summary>Starts a node.</summary>
    /// <param name="number">Its number, from 0 on.</param>
    /// <param name="origin">Where values come from.</param>
    /// <param name="isNewcomer">Whether it joins while clients read: it must not be waited for as long as the dead one is in its way.</param>
    /// <param name="tell">Hears of what happens to the farm, and is told by one node.</param>
    public abstract Task<FarmNode> StartAsync(int number, Uri origin, bool isNewcomer, Action<string> tell);

    /// <summary>What the command line asked for.</summary>
    /// <param name="options">The command line.</param>
    /// <param name="redis">The address of Redis; null: without.</param>
    public static FarmKind Choose(DemoOptions options, string? redis)
    {
        if (options.Processes || redis is not null)
            return new ProcessFarm(redis, options.IsCluster);
        if (options.IsCluster)
            return new Cluster.ClusterFarm();
        return new SharingFarm();
    }
}
