using System.Reflection;
using Xunit.Sdk;

namespace AkkaRegenCache.MultiNode.Tests.Rig;

/// <summary>Who arbitrates between the nodes.</summary>
internal static class Mode
{
    /// <summary>An external store that all nodes reach, even those which don't reach each other.</summary>
    public const string Cluster = "cluster";

    /// <summary>The cluster itself is the only store.</summary>
    public const string ClusterOnly = "cluster-only";
}

/// <summary>Runs a theory in both modes, with each of the further arguments if there are any.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class BothModesAttribute(params object[] variants) : DataAttribute
{
    public override IEnumerable<object[]> GetData(MethodInfo testMethod) =>
        from mode in (string[])[Mode.Cluster, Mode.ClusterOnly]
        from arguments in variants.Length == 0 ? [[mode]] : variants.Select(variant => (object[])[mode, variant])
        select arguments;
}
